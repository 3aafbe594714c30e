import headless from '@xterm/headless';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Message } from '../../../src/report/message.ts';
import { liveRenderer } from '../../../src/ui/live-renderer.ts';
import { terminalOf } from '../../../src/ui/terminal.ts';

beforeEach(() => vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
afterEach(() => vi.useRealTimers());

/** A block in a terminal of 60 columns; `screen` is what a person sees, history included. */
function open(env: Record<string, string> = {}) {
  const terminal = new headless.Terminal({ cols: 60, rows: 20, allowProposedApi: true, convertEol: true });
  let now = 0;
  const renderer = liveRenderer({
    terminal: terminalOf({ isTTY: true, columns: 60, rows: 20 }, { LANG: 'C.UTF-8', NO_COLOR: '1', ...env }),
    write: (text) => terminal.write(text),
    now: () => now,
  });
  return {
    renderer,
    say: (message: Partial<Message> & Pick<Message, 'code' | 'text'>, at: number) => {
      now = at;
      renderer.notify(message as Message);
      vi.advanceTimersByTime(100);
    },
    screen: async () => {
      await new Promise<void>((resolve) => terminal.write('', resolve));
      const { active } = terminal.buffer;
      const lines = Array.from(
        { length: active.length },
        (_, row) => active.getLine(row)?.translateToString(true) ?? '',
      );
      return lines.join('\n').trimEnd();
    },
  };
}

const step = (name: string, phase: Message['phase'], title: string) => ({
  step: name,
  ...(phase && { phase }),
  text: title,
});

describe('the live block', () => {
  it('shows every phase, what goes on in it, what it waits for and how much was copied', async () => {
    const { say, screen, renderer } = open();
    say({ code: 'I402', ...step('helpers', 'prepare', 'start helper pods') }, 0);
    say({ code: 'I406', ...step('helpers', 'prepare', 'start helper pods: Pending') }, 1500);
    expect(await screen()).toBe(
      [
        '› prepare   start helper pods 1.50 s · Pending',
        '· freeze',
        '· transfer',
        '· restore',
        '· verify',
        '· commit',
        '· switch',
        '· finalize',
        'elapsed 1s',
      ].join('\n'),
    );
    say({ code: 'I403', ...step('helpers', 'prepare', 'start helper pods: done in 2.00 s') }, 2000);
    say({ code: 'I402', ...step('copy', 'prepare', 'copy files ahead') }, 2000);
    say({ code: 'I407', ...step('copy', 'prepare', 'copy files ahead: 27.0 MiB, 110.0 MiB/s') }, 2500);
    expect(await screen()).toContain('› prepare   copy files ahead 0.50 s · 27.0 MiB, 110.0 MiB/s');
    say({ code: 'I403', ...step('copy', 'prepare', 'copy files ahead: done') }, 3000);
    renderer.stop();
    expect(await screen()).toContain('✓ prepare   start helper pods 2.00 s, copy files ahead 1.0…');
    expect((await screen()).match(/prepare/g)).toHaveLength(1);
  });

  it('prints above itself what has to stay', async () => {
    const { say, screen } = open();
    say({ code: 'I402', ...step('probe', 'prepare', 'look') }, 0);
    say({ code: 'W421', text: 'W203 connections are reset' }, 10);
    say({ code: 'I408', phase: 'commit', text: 'committed' }, 20);
    const lines = (await screen()).split('\n');
    expect(lines.slice(0, 3)).toEqual(['W203 connections are reset', 'committed', '› prepare   look 0.02 s']);
  });

  it('shows what failed and what was taken back, and draws nothing after its end', async () => {
    const { say, screen, renderer } = open();
    say({ code: 'I402', ...step('helpers', 'prepare', 'start helper pods') }, 0);
    say({ code: 'I403', ...step('helpers', 'prepare', 'start helper pods: done') }, 1000);
    say({ code: 'I402', ...step('freeze', 'freeze', 'freeze the source') }, 1000);
    say({ code: 'I404', ...step('freeze', 'freeze', 'freeze the source: failed') }, 1400);
    say({ code: 'I405', ...step('freeze', 'freeze', 'taken back: freeze the source') }, 1500);
    say({ code: 'I405', ...step('helpers', 'prepare', 'taken back: start helper pods') }, 1600);
    renderer.stop();
    const end = await screen();
    expect(end).toContain('✗ freeze    freeze the source 0.40 s');
    expect(end).toContain('← prepare   start helper pods 1.00 s');
    say({ code: 'I402', ...step('late', 'switch', 'too late') }, 2000);
    expect(await screen()).toBe(end);
  });

  it('needs no Unicode', async () => {
    const { say, screen } = open({ LANG: 'C', LC_ALL: 'C' });
    say({ code: 'I402', ...step('probe', 'prepare', 'see the source’s node') }, 0);
    expect(await screen()).toMatch(/^\p{ASCII}*$/u);
  });
});
