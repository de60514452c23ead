export const ja = {
  service: "つくば市 インターネット投票",
  language: "ことば",
  skip: "本文へ",
  helpdesk: "お問い合わせ",
  errorSummary: "入力を確かめてください",
};
