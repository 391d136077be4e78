/** Progress bars on the terminal; nothing where the output goes elsewhere. */

import cliProgress, { type GenericFormatter, type Params } from 'cli-progress';
import { formatSeconds, printable } from './format.js';

/** Progress of one task. */
export interface Progress {
  /** Reports how much is done, of how much if that is known by now. */
  update(done: number, total?: number): void;
  /** Removes the bar; may be called more than once. */
  stop(): void;
}

/**
 * Shows a bar, or a mere count as long as the total is unknown.
 *
 * @param stream where to draw; silent unless it is a terminal
 */
export function createProgress(
  title: string,
  total?: number,
  stream: NodeJS.WritableStream & { isTTY?: boolean } = process.stderr,
): Progress {
  if (!stream.isTTY) return { update() {}, stop() {} };
  const name = printable(title);
  let known = total;
  const format: GenericFormatter = (options, params) => {
    if (known === undefined) return `${name}  ${params.value}`;
    const bar = cliProgress.Format.BarFormat(params.progress, options);
    return `${name}  ${bar}  ${params.value}/${params.total}${left(params)}`;
  };
  const bar = new cliProgress.SingleBar(
    {
      format,
      stream,
      barsize: 24,
      clearOnComplete: true,
      // Both would leave traces when the program is interrupted: a signal swallowed, a terminal that does not wrap.
      gracefulExit: false,
      linewrap: true,
    },
    cliProgress.Presets.shades_classic,
  );
  bar.start(total ?? 0, 0);
  return {
    update(done, newTotal) {
      if (newTotal !== undefined && newTotal !== known) {
        known = newTotal;
        bar.setTotal(newTotal);
      }
      bar.update(done);
    },
    stop() {
      if (bar.isActive) bar.stop();
    },
  };
}

/** The time left, which is estimated in whole seconds. */
function left({ eta, value }: Params): string {
  if (!Number.isFinite(eta) || value === 0) return '';
  return `  ${eta < 60 ? `${eta} s` : formatSeconds(eta)} left`;
}
