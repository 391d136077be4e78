/** Numbers for people: three significant digits, a unit, `-` for what is unknown. */

const PREFIXES = ['p', 'n', 'µ', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];
const PLAIN = PREFIXES.indexOf('');

/** Text on one line, without control characters: names come from other people's files. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '\ufffd');
}

/** With a metric prefix: 1.81e-4 J as `181 µJ`. */
export function formatQuantity(value: number, unit: string): string {
  return scaled(value, unit, 0);
}

/** Counts, and means of counts: `7`, `0.54`, `19.6 M`. */
export function formatCount(value: number): string {
  if (Math.abs(value) < 999.5) return String(Number(value.toPrecision(3)));
  return scaled(value, '', PLAIN);
}

/** A share as percent, with a fixed number of decimals: 0.915 as `91.50 %`. */
export function formatPercent(share: number, decimals = 2): string {
  return Number.isFinite(share) ? `${(share * 100).toFixed(decimals)} %` : '-';
}

/** A duration in seconds: `12.5 ms`, `3.21 s`, `2 min 05 s`, `1 h 02 min`. */
export function formatSeconds(seconds: number): string {
  const whole = Math.round(seconds);
  if (!Number.isFinite(whole) || whole < 60) return scaled(seconds, 's', 0, PLAIN);
  const two = (n: number): string => String(Math.floor(n)).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two((whole % 3600) / 60)} min`;
}

function scaled(value: number, unit: string, least: number, most = PREFIXES.length - 1): string {
  if (!Number.isFinite(value)) return '-';
  const [mantissa, power] = value === 0 ? ['0', '0'] : value.toExponential(2).split('e');
  const prefix = Math.min(Math.max(Math.floor(Number(power) / 3) + PLAIN, least), most);
  const shift = Number(power) - 3 * (prefix - PLAIN);
  const digits = value === 0 ? '0' : (Number(mantissa) * 10 ** shift).toFixed(Math.min(Math.max(2 - shift, 0), 20));
  return `${digits} ${PREFIXES[prefix]}${unit}`.trim();
}
