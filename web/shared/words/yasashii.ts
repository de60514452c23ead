export const yasashii = {
  service: "つくば{市|し} インターネット {投票|とうひょう}",
  language: "ことば",
  skip: "{本文|ほんぶん}へ",
  helpdesk: "わからない とき",
  errorSummary: "{入力|にゅうりょく}を {確|たし}かめて ください",
};
