/** All commands, and what they share: exit codes, errors, cancelling. */

import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { FirstspikeError } from '../errors.js';
import { compareCommand } from './compare.js';
import type { Context } from './context.js';
import { convertCommand } from './convert.js';
import { demoCommand } from './demo.js';
import { diagnoseCommand } from './diagnose.js';
import { evalCommand } from './eval.js';
import { fitCommand } from './fit.js';
import { inspectCommand } from './inspect.js';
import { mapCommand } from './map.js';
import { runCommand } from './run.js';
import { sweepCommand } from './sweep.js';
import { tuneCommand } from './tune.js';

/** Exit codes: done, failed, wrong usage. */
const [DONE, FAILED, USAGE] = [0, 1, 2];

/** The program; `run` gives the exit code and never throws. */
export function createProgram(): { run: (args: readonly string[]) => Promise<number> } {
  const abort = new AbortController();
  const context: Context = {
    signal: abort.signal,
    print: (text) => process.stdout.write(`${text}\n`),
    remark: (text) => process.stderr.write(`${text}\n`),
  };
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const program = new Command('firstspike')
    .description('Trained image classifiers as spiking networks: convert, simulate spike by spike, compare.')
    .version(version)
    .showHelpAfterError('(--help shows what there is)');
  for (const command of [
    demoCommand,
    inspectCommand,
    runCommand,
    convertCommand,
    evalCommand,
    compareCommand,
    sweepCommand,
    diagnoseCommand,
    tuneCommand,
    fitCommand,
    mapCommand,
  ]) {
    program.addCommand(command(context));
  }
  let complaint = '';
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({
      writeErr: (text) => {
        complaint += text;
      },
    });
  }
  const run = async (args: readonly string[]): Promise<number> => {
    const json = args.includes('--json');
    const interrupt = () => abort.abort(new Interrupted());
    process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
    // Whoever reads the output may stop reading.
    process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? DONE : FAILED));
    try {
      await program.parseAsync(args, { from: 'user' });
      return DONE;
    } catch (error) {
      if (error instanceof CommanderError && error.exitCode === 0) return DONE;
      const failure = describe(error, complaint);
      if (json) context.print(JSON.stringify({ error: failure }, null, 2));
      else context.remark(failure.message);
      const usage = error instanceof CommanderError || failure.code === 'OPTION_INVALID';
      return usage ? USAGE : FAILED;
    } finally {
      process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    }
  };
  return { run };
}

/** The user's wish to stop. */
class Interrupted extends Error {
  override readonly message = 'Interrupted.';
}

/** An error as the command line reports it. */
function describe(error: unknown, complaint: string): { code: string; message: string; problems: readonly object[] } {
  if (error instanceof FirstspikeError) {
    return { code: error.code, message: error.message, problems: error.problems };
  }
  if (error instanceof CommanderError) {
    const message = (complaint || error.message).trim();
    return { code: 'USAGE', message, problems: [{ message, remedy: 'See --help.' }] };
  }
  if (error instanceof Interrupted) return { code: 'INTERRUPTED', message: error.message, problems: [] };
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const remedy = 'This is a defect of firstspike: please report it.';
  return { code: 'INTERNAL', message, problems: [{ message, remedy }] };
}
