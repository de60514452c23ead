/** Percent with two decimals, as Japanese turnout tables have them; rounded down in the last place: 100.00 % means everybody. */
export function percent(part: number, whole: number): string {
  return whole === 0 ? "0.00" : (Math.floor((part * 10_000) / whole) / 100).toFixed(2);
}
