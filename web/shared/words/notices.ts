/** What a monitor of the log can find, in plain words; by the kinds of `ledger.TamperingDetected`, and `other` for a newer monitor's. */

export const NOTICE_KINDS = {
  ja: {
    "entry-changed": "記録の一つが、前に見たときと違います。",
    "entry-dropped": "前にあった記録の一つが、なくなっています。",
    "entries-reordered": "記録の順番が、署名された順番と違います。",
    "log-forked": "同じ所に、違う二つの記録が署名されています。",
    "log-rolled-back": "記録が、前に見たときより短くなっています。",
    "anchor-unrequested": "外部の台帳に、頼んでいない書き込みがあります。",
    "chain-disagrees": "外部の台帳と記録が合いません。",
    other: "記録に、いつもと違う点があります。",
  },
  yasashii: {
    "entry-changed": "{記録|きろく}の {一|ひと}つが、{前|まえ}と ちがいます。",
    "entry-dropped": "{前|まえ}に あった {記録|きろく}の {一|ひと}つが ありません。",
    "entries-reordered": "{記録|きろく}の {順番|じゅんばん}が ちがいます。",
    "log-forked": "{同|おな}じ ところに、ちがう {記録|きろく}が {二|ふた}つ あります。",
    "log-rolled-back": "{記録|きろく}が {前|まえ}より {短|みじか}く なりました。",
    "anchor-unrequested": "{外|そと}の {台帳|だいちょう}に、たのんで いない {記録|きろく}が あります。",
    "chain-disagrees": "{外|そと}の {台帳|だいちょう}と {記録|きろく}が {合|あ}いません。",
    other: "{記録|きろく}に、いつもと ちがう ことが あります。",
  },
  en: {
    "entry-changed": "An entry of the record is not what it was.",
    "entry-dropped": "An entry that was in the record is gone.",
    "entries-reordered": "Entries are in another order than was signed.",
    "log-forked": "Two different records were signed for the same place.",
    "log-rolled-back": "The record is shorter than it was.",
    "anchor-unrequested": "There is something in the outside ledger that nobody asked for.",
    "chain-disagrees": "The outside ledger and the record disagree.",
    other: "Something about the record is unusual.",
  },
};
