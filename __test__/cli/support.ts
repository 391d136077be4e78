/** The command line as others run it: as a process of its own. */

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { encodeIdx, type temporaryFolder } from '../data/support.js';
import { type ModelSpec, node, onnxModel, tensor } from '../support/onnx-model.js';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** What a process did. */
export interface Outcome {
  /** Exit code; null where a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that runs; nothing that it does takes longer than a minute. */
export function start(args: readonly string[], cwd?: string): { process: ChildProcess; outcome: Promise<Outcome> } {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd, timeout: 60_000, killSignal: 'SIGKILL' });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
    });
  }
  const outcome = new Promise<Outcome>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, ...output }));
  });
  return { process: child, outcome };
}

/** Runs a command. */
export function firstspike(...args: string[]): Promise<Outcome> {
  return start(args).outcome;
}

/** Runs a command with `--json` that should succeed; gives the one value that it prints. */
// biome-ignore lint/suspicious/noExplicitAny: JSON of any form
export async function succeed(...args: string[]): Promise<any> {
  const { code, stdout, stderr } = await firstspike(...args, '--json');
  expect(code, stdout + stderr).toBe(0);
  return JSON.parse(stdout);
}

/** What `--json` prints of an error. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly problems: readonly {
    node?: string;
    op?: string;
    layer?: string;
    file?: string;
    message: string;
    remedy: string;
  }[];
}

/** Runs a command that should fail, with and without `--json`: tells why, and how to do better, and prints no result. */
export async function fail(exitCode: 1 | 2, ...args: string[]): Promise<Failure> {
  const [command, ...rest] = args;
  const [plain, json] = await Promise.all([firstspike(...args), firstspike(command, '--json', ...rest)]);
  expect([plain.code, json.code], plain.stderr + json.stdout).toEqual([exitCode, exitCode]);
  expect(plain.stdout).toBe('');
  const { error, ...others } = JSON.parse(json.stdout);
  expect(others).toEqual({});
  expect(Object.keys(error).sort()).toEqual(['code', 'message', 'problems']);
  expect(error.problems.length).toBeGreaterThan(0);
  for (const { message, remedy } of error.problems) {
    expect(message).toMatch(/\w/);
    expect(remedy).toMatch(/\w/);
    // People read the same.
    expect(plain.stderr.replaceAll(/\s+/g, ' ')).toContain(message.replaceAll(/\s+/g, ' '));
  }
  expect(plain.stderr, 'no stack of calls').not.toMatch(/^\s+at /m);
  return error;
}

const SMALL: ModelSpec = {
  nodes: [
    node('Conv', 'x w b', 'c'),
    node('Relu', 'c', 'r'),
    node('Flatten', 'r', 'f'),
    node('Gemm', 'f m', 'y', { transB: 1 }),
  ],
  initializers: [
    tensor('w', [3, 1, 3, 3], 0.5, -0.25, 0.125, -0.5),
    tensor('b', [3], 0.1, -0.2),
    tensor('m', [4, 12], 1, -0.5, 0.25),
  ],
  inputs: { x: ['N', 1, 4, 4] },
};

/** An ONNX model of images [1, 4, 4] and four classes, with some parts replaced. */
export function smallModel(changes: Partial<ModelSpec> = {}): Uint8Array {
  return onnxModel({ ...SMALL, ...changes });
}

/** {@link smallModel} with one initializer replaced. */
export function smallModelWith(initializer: ReturnType<typeof tensor>): Uint8Array {
  const initializers = SMALL.initializers?.map((one) => (one.name === initializer.name ? initializer : one));
  return smallModel({ initializers });
}

/** How many images {@link smallImages} writes. */
export const COUNT = 40;

/** Their pixels, image after image. */
export const pixels = Uint8Array.from({ length: COUNT * 16 }, (_, i) => (i * 37 + (i >> 4) * 101) % 256);

/** Writes images and labels for {@link smallModel}; gives the DATA that names them. */
export function smallImages({ write }: Pick<ReturnType<typeof temporaryFolder>, 'write'>): string {
  const labels = Uint8Array.from({ length: COUNT }, (_, i) => i % 4);
  const [images, truth] = [
    write('images.idx', encodeIdx([COUNT, 4, 4], pixels)),
    write('labels.idx', encodeIdx([COUNT], labels)),
  ];
  return `idx:${images},${truth}`;
}
