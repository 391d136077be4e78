/** `firstspike diagnose MODEL --data DATA --code CODE`: where accuracy is lost, why, and what would help. */

import { Command, Option } from 'commander';
import { diagnose } from '../evaluate/diagnose.js';
import type { Diagnosis, Finding, Remedy } from '../evaluate/diagnosis.js';
import { allRemedies } from '../evaluate/findings.js';
import { formatCount, formatPercent } from '../report/format.js';
import { createProgress } from '../report/progress.js';
import { formatTable } from '../report/table.js';
import type { SpikingNetwork } from '../simulate/spiking-network.js';
import type { Context } from './context.js';
import {
  addCodingOptions,
  addSelectionOptions,
  type CalibrationNote,
  type CodingOptions,
  codedNetwork,
  codeOption,
  DATA_HELP,
  inputShape,
  loadFile,
  openData,
  type SelectionOptions,
} from './options.js';

interface DiagnoseCommandOptions extends CodingOptions, SelectionOptions {
  readonly data: string;
  readonly precision: 'f32' | 'f64';
  readonly fix?: boolean;
  readonly out?: string;
  readonly json?: boolean;
}

/** Images that are looked at, unless others are asked for. */
const IMAGES = 128;

/** A network before and after. */
interface Fixed {
  readonly options: Remedy;
  readonly diagnosis: Diagnosis;
}

export function diagnoseCommand(context: Context): Command {
  const { print, remark, signal } = context;
  const command = new Command('diagnose')
    .description('Show layer by layer where a spiking network differs from the original, why, and what would help')
    .argument('<MODEL>', 'ONNX model, or a network that was saved')
    .requiredOption('--data <DATA>', 'images to look at');
  addSelectionOptions(addCodingOptions(command, codeOption('code (default: quartz, or that of the saved network)')));
  return command
    .addOption(new Option('--precision <PRECISION>', 'arithmetic').choices(['f32', 'f64']).default('f32'))
    .option('--fix', 'convert again with what is suggested, and measure what it gains')
    .option('--out <FILE>', 'with --fix: save the network that it gives')
    .option('--json', 'print JSON')
    .addHelpText('after', DATA_HELP)
    .action(async (path: string, options: DiagnoseCommandOptions) => {
      const loaded = await loadFile(path, options);
      const { skip, limit = IMAGES, precision, threads } = options;
      const dataset = await openData(options.data, inputShape(loaded.graph), options);
      const chosen = { ...options, code: options.code ?? loaded.network?.code.name ?? 'quartz' };
      const fallback = { what: options.data, dataset, skip, limit };
      const coded = await codedNetwork(loaded, chosen, fallback, context);
      const look = async (network: SpikingNetwork) => {
        const progress = createProgress('layers', network.layers.length);
        try {
          const images = dataset.batches({ size: 64, skip, limit, signal });
          const onProgress = (done: number) => progress.update(done);
          return await diagnose(network, images, { limit, precision, threads, signal, onProgress });
        } finally {
          progress.stop();
        }
      };
      const diagnosis = await look(coded.network);
      const remedies = allRemedies(diagnosis.findings);
      let fixed: Fixed | undefined;
      if (options.fix && Object.keys(remedies).length > 0) {
        // A network that was saved has no calibration: its model is converted again.
        const vary = coded.vary ?? (await codedNetwork({ graph: loaded.graph }, chosen, fallback, context)).vary;
        const network = await vary?.(remedies);
        if (network) {
          fixed = { options: remedies, diagnosis: await look(network) };
          if (options.out) await network.save(options.out);
        }
      }
      if (options.out && !fixed) remark(`Nothing was changed, so ${options.out} was not written.`);
      print(
        options.json
          ? JSON.stringify({ ...diagnosis, ...(fixed && { fixed }), calibration: coded.calibration }, null, 2)
          : formatDiagnosis(diagnosis, fixed, coded.calibration),
      );
    });
}

/** A diagnosis as tables for people. */
export function formatDiagnosis(diagnosis: Diagnosis, fixed?: Fixed, calibration?: CalibrationNote): string {
  const { code, images, layers, findings } = diagnosis;
  const rows = layers.map(({ name, neurons, spikes, saturated, dead, early, whole, alone }) => [
    name,
    formatCount(neurons),
    formatCount(spikes),
    share(saturated),
    early === undefined ? undefined : share(early),
    share(dead),
    share(alone.relativeRms),
    alone.correlation.toFixed(4),
    `${alone.worstChannel.channel}: ${share(alone.worstChannel.relativeRms)}`,
    share(whole.relativeRms),
    share(alone.logits),
    alone.accuracyLost === undefined ? share(alone.disagreement) : points(alone.accuracyLost),
  ]);
  const lost = layers.some(({ alone }) => alone.accuracyLost !== undefined) ? 'points lost' : 'other labels';
  const numbers = ['neurons', 'spikes', 'saturated', 'early', 'dead', 'error', 'correlation', 'worst channel'];
  const columns = [...numbers, 'in all', 'logits', lost].map((title) => ({ title, align: 'right' as const }));
  return [
    `${code}, ${images} images${calibration ? `, calibrated on ${calibration.images} of ${calibration.data}` : ''}`,
    summary(diagnosis),
    '',
    formatTable(['layer', ...columns], rows),
    '',
    'Error, correlation, worst channel, logits: of the layer alone, all others as in the original network. In all: with',
    'the errors of earlier layers. Errors are root mean squares relative to the original activations (logits).',
    '',
    ...(findings.length === 0 ? ['Nothing was found that costs much.'] : findings.flatMap(formatFinding)),
    ...(fixed ? ['', ...formatFixed(diagnosis, fixed)] : []),
    ...(!fixed && findings.some(({ options }) => options) ? ['', '--fix applies what is suggested.'] : []),
  ].join('\n');
}

function summary({ accuracy, annAccuracy, accuracyTop5, annAccuracyTop5, output }: Diagnosis): string {
  const accuracies =
    accuracy === undefined || annAccuracy === undefined
      ? ''
      : `accuracy ${formatPercent(accuracy)} (original network ${formatPercent(annAccuracy)}), `;
  const top5 =
    accuracyTop5 === undefined || annAccuracyTop5 === undefined
      ? ''
      : `top 5 ${formatPercent(accuracyTop5)} (${formatPercent(annAccuracyTop5)}), `;
  const agreement = formatPercent(1 - output.disagreement);
  return `${accuracies}${top5}agreement ${agreement}, error of the logits ${share(output.logits)}`;
}

function formatFinding({ layer, message, remedy, cost, accuracyLost }: Finding, index: number): string[] {
  const where = layer === undefined ? '' : `${layer}: `;
  const loss = accuracyLost === undefined ? '' : `, ${points(accuracyLost)} points`;
  return [`${index + 1}. ${where}${message}`, `   Costs ${share(cost)} of the logits${loss}. ${remedy}`];
}

function formatFixed(before: Diagnosis, { options, diagnosis }: Fixed): string[] {
  const gained = (before.output.logits - diagnosis.output.logits) / (before.output.logits || 1);
  return [
    `With ${JSON.stringify(options)}:`,
    summary(diagnosis),
    `The error of the logits is ${share(Math.abs(gained))} ${gained >= 0 ? 'smaller' : 'larger'}.`,
  ];
}

function share(x: number): string {
  return x === 0 ? '0' : `${(100 * x).toPrecision(2)} %`;
}

function points(x: number): string {
  return (100 * x).toFixed(1);
}
