import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createProgress } from '../../src/report/progress.js';

/** A stream that says it is a terminal, and what was written to it. */
function terminal(isTTY: boolean) {
  const stream = Object.assign(new PassThrough(), { isTTY, columns: 100 });
  return { stream, written: (): string => String(stream.read() ?? '') };
}

afterEach(() => {
  vi.useRealTimers();
});

describe('createProgress', () => {
  it('is silent where nobody looks', () => {
    const { stream, written } = terminal(false);
    const progress = createProgress('Evaluating', 10, stream);
    progress.update(5);
    progress.stop();
    expect(written()).toBe('');
  });

  it('draws a bar, and removes it', () => {
    vi.useFakeTimers();
    const { stream, written } = terminal(true);
    const progress = createProgress('Evaluating', 10, stream);
    expect(written()).toContain('Evaluating  ░░░░');
    vi.advanceTimersByTime(2000);
    progress.update(5);
    vi.advanceTimersByTime(200);
    expect(written()).toMatch(/Evaluating {2}█{12}░{12} {2}5\/10 {2}2 s left/);
    progress.update(20, 40);
    vi.advanceTimersByTime(200);
    expect(written()).toContain('20/40');
    progress.stop();
    progress.stop();
    expect(written().endsWith('\u001b[2K')).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('counts as long as the total is unknown', () => {
    vi.useFakeTimers();
    const { stream, written } = terminal(true);
    const progress = createProgress('Reading\u001b[2J', undefined, stream);
    progress.update(7);
    vi.advanceTimersByTime(200);
    expect(written()).toContain('Reading�[2J  7');
    progress.update(8, 16);
    vi.advanceTimersByTime(200);
    expect(written()).toContain('8/16');
    progress.stop();
  });
});
