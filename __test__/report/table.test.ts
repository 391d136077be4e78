import { expect, it } from 'vitest';
import { formatTable } from '../../src/report/table.js';

it('aligns numbers right, names left, and prints nothing but text', () => {
  const table = formatTable(
    ['code', 'accuracy', 'spikes/neuron', 'note'],
    [
      ['ann', '91.50 %', undefined, 'reference'],
      ['fs K=10', '9.50 %', 1.92, '-'],
      ['ttfs', Number.NaN, 0, ''],
    ],
  );
  expect(table).toBe(
    [
      'code     accuracy  spikes/neuron  note',
      '───────────────────────────────────────────',
      'ann       91.50 %              -  reference',
      'fs K=10    9.50 %           1.92  -',
      'ttfs            -              0',
    ].join('\n'),
  );
});

it('takes alignments, and columns that are short of cells', () => {
  expect(formatTable([{ title: 'n', align: 'right' }, { title: 'x', align: 'left' }, 'y'], [[10, 1], [2]])).toBe(
    [' n  x  y', '────────', '10  1  -', ' 2  -  -'].join('\n'),
  );
});

it('has a head without rows', () => {
  expect(formatTable(['a', 'b'], [])).toBe('a  b\n────');
});

it('keeps control characters of names off the terminal', () => {
  expect(formatTable(['layer'], [['\u001b[2Jconv\n1']])).toBe('layer\n──────────\n�[2Jconv�1');
});

it('is as wide as its characters are', () => {
  const lines = formatTable(
    ['name', 'n'],
    [
      ['層', 1],
      ['conv', 22],
    ],
  ).split('\n');
  expect(lines.slice(2)).toEqual(['層     1', 'conv  22']);
});
