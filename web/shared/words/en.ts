export const en = {
  service: "Tsukuba internet voting",
  language: "Language",
  skip: "To the main text",
  helpdesk: "Help",
  errorSummary: "Please check what you entered",
};
