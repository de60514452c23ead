/** What every page is made of: the frame, what is read aloud, and the surroundings that it takes its language from. */

export { ErrorSummary, Frame, Page, Status } from "./page.tsx";
export { Qr } from "./qr.tsx";
export { type Around, AroundContext, timeOf, useAround } from "./surroundings.ts";
