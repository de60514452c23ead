/** Reading something again and again, and figures as tables have them. */

export { percent } from "./percent.ts";
export { Away, type Pause, poll, type Seen } from "./polling.ts";
