import { describe, expect, test } from 'vitest';
import { ConvertError, DataError, FirstspikeError, ImportError, type Problem } from '../src/errors.js';

const problems: Problem[] = [
  { node: 'conv1', op: 'Conv', message: 'has three axes.', remedy: 'Use two.' },
  { layer: 'relu', message: 'is no ReLU.', remedy: 'Use fs.' },
  { file: 'a.onnx', message: 'is cut off.', remedy: 'Download it again.' },
  { op: 'Resize', message: 'is not supported.', remedy: 'Remove it.' },
  { message: 'zeta is -1.', remedy: 'Choose another.' },
];

test('the message has a line for each problem: its place, what is wrong, and what to do', () => {
  expect(new FirstspikeError('MODEL_UNSUPPORTED', problems).message.split('\n')).toEqual([
    'conv1 (Conv): has three axes. Use two.',
    'relu: is no ReLU. Use fs.',
    'a.onnx: is cut off. Download it again.',
    '(Resize): is not supported. Remove it.',
    'zeta is -1. Choose another.',
  ]);
});

test('an operator that is its node’s name is named once', () => {
  const problem = { node: 'Softsign', op: 'Softsign', message: 'is not supported.', remedy: 'Use ReLU.' };
  expect(new FirstspikeError('MODEL_UNSUPPORTED', problem).message).toBe('Softsign: is not supported. Use ReLU.');
});

test('place and remedy are those of the first problem', () => {
  const error = new FirstspikeError('MODEL_UNSUPPORTED', problems);
  expect([error.node, error.layer, error.remedy]).toEqual(['conv1', undefined, 'Use two.']);
  expect(new FirstspikeError('CODE_UNSUPPORTED', problems.slice(1)).layer).toBe('relu');
});

describe('each kind', () => {
  test.each([ImportError, ConvertError, DataError, FirstspikeError])('%o can be told apart', (Kind) => {
    const cause = new Error('cause');
    const error = new Kind('INTERNAL', problems[0], { cause });
    expect(error).toBeInstanceOf(Kind);
    expect(error).toBeInstanceOf(FirstspikeError);
    expect(error).toMatchObject({ name: Kind.name, code: 'INTERNAL', problems: [problems[0]], cause });
    expect([ImportError, ConvertError, DataError].filter((Other) => error instanceof Other).length).toBe(
      Kind === FirstspikeError ? 0 : 1,
    );
  });
});
