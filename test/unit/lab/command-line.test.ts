import { describe, expect, it } from 'vitest';
import { parseCommand, UsageError } from '../../lab/command-line.ts';
import { sameRuntimes, variantOf } from '../../lab/options.ts';

describe('parseCommand', () => {
  it('reads up with all its flags', () => {
    const words = [
      'up',
      '--isolated',
      '--runtime',
      'west-2=crio',
      '--runtime',
      'east-2=containerd-2.4',
      '--latency',
      '20',
      '--fresh',
    ];
    expect(parseCommand(words)).toEqual({
      name: 'up',
      options: { isolated: true, fresh: true, latency: 20, runtimes: { 'west-2': 'crio', 'east-2': 'containerd-2.4' } },
    });
  });

  it('reads a command for a node, with and without the two dashes', () => {
    const expected = { name: 'shell', node: 'east-1', command: ['ip', '-br', 'addr'] };
    expect(parseCommand(['shell', 'east-1', '--', 'ip', '-br', 'addr'])).toEqual(expected);
    expect(parseCommand(['shell', 'east-1', 'ip', '-br', 'addr'])).toEqual(expected);
  });

  it.each([
    [[], /no command/],
    [['start'], /unknown command start/],
    [['up', '--quick'], /--quick/],
    [['up', '--runtime', 'north-1=crio'], /no node "north-1"/],
    [['up', '--runtime', 'west-2=docker'], /containerd-2\.4 or crio/],
    [['up', '--latency', 'much'], /milliseconds/],
    [['down', 'now'], /takes no words/],
    [['logs'], /which node/],
  ])('refuses %j', (words, sentence) => {
    expect(() => parseCommand(words)).toThrow(UsageError);
    expect(() => parseCommand(words)).toThrow(sentence);
  });
});

describe('sameRuntimes', () => {
  it('does not mind the order of the nodes, nor flags that say nothing about the lab', () => {
    const one = variantOf({ runtimes: { 'west-2': 'crio', 'east-2': 'crio' }, fresh: true });
    expect(sameRuntimes(one, variantOf({ runtimes: { 'east-2': 'crio', 'west-2': 'crio' } }))).toBe(true);
    expect(sameRuntimes(one, variantOf({}))).toBe(false);
    expect(sameRuntimes(variantOf({}), variantOf({ isolated: true }))).toBe(true);
  });
});
