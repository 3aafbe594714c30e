import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { COMMANDS, PARENTS } from '../../cmd/commands/index.ts';
import { podName } from '../../cmd/commands/pod.ts';
import { parseDuration } from '../../cmd/flags/duration.ts';
import { commandHelp, rootHelp } from '../../cmd/help.ts';
import { DEFAULT_DEADLINES } from '../../src/domain/plan.ts';
import { flagOf } from '../../src/runner/deadline.ts';
import { kubectlMigrate } from '../support/cli.ts';

const root = path.resolve(import.meta.dirname, '../..');
const move = ['pod', 'cart-0', '--to-context', 'west'];

describe('help', () => {
  it.each([[['--help']], [['-h']]])('%j is a result: on stdout, exit 0, with every command', async (argv) => {
    const { code, stdout, stderr } = await kubectlMigrate(argv);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('kubectl migrate pod');
    expect(stdout).toMatch(/^ {2}version /m);
  });

  it('of pod names every flag, those of the deadlines included', async () => {
    const { code, stdout } = await kubectlMigrate(['pod', '--help']);
    expect(code).toBe(0);
    const deadlines = Object.keys(DEFAULT_DEADLINES) as (keyof typeof DEFAULT_DEADLINES)[];
    const others = ['--context', '--to-context', '--namespace', '--to-namespace', '--to-node', '--kubeconfig'];
    const more = ['--to-kubeconfig', '--engine', '--route', '--dry-run', '--yes', '--output', '--helper-image'];
    for (const flag of [...deadlines.map(flagOf), ...others, ...more]) expect(stdout).toContain(flag);
  });

  it('fits into 60 columns, but for command lines, which are there to be copied', () => {
    const pages = COMMANDS.map((command) => commandHelp(command, 60));
    const lines = [...pages, rootHelp({ commands: COMMANDS, parents: PARENTS }, 60)].flatMap((page) =>
      page.split('\n'),
    );
    const wide = lines.filter((line) => line.length > 60 && !/^ {2}(kubectl migrate|#) |^ +\S+$/.test(line));
    expect(wide).toEqual([]);
  });

  it('speaks English whatever the machine speaks', async () => {
    const before = process.env['LC_ALL'];
    process.env['LC_ALL'] = 'de_DE.UTF-8';
    try {
      expect((await kubectlMigrate(['pod', '--help'])).stdout).toContain('Options:');
    } finally {
      if (before === undefined) delete process.env['LC_ALL'];
      else process.env['LC_ALL'] = before;
    }
  });
});

describe('version', () => {
  it('is that of the package', async () => {
    const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
    const { code, stdout, stderr } = await kubectlMigrate(['version', '--client']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(new RegExp(`^kubectl-migrate ${version} \\(\\w+/\\w+\\)\n$`));
  });
});

describe('a command line that is not understood', () => {
  it.each<readonly [string, readonly string[], RegExp]>([
    ['nothing', [], /kubectl migrate pod NAME[\s\S]*--to-context/],
    ['an unknown command', ['teleport'], /teleport/],
    ['a misspelt command', ['pof'], /pod/],
    ['an unknown flag', [...move, '--now'], /now/],
    ['a misspelt second word', ['helper', 'sav', 'a', 'b'], /helper has no command sav\n.*did you mean save\?/],
    ['an unknown second word', ['audit', 'teleport'], /audit has no command teleport\n.*name one of: list, verify/],
    ['completion for a shell', ['completion', 'zsh'], /one script serves every shell[\s\S]*kubectl completion zsh/],
    ['nothing to save', ['helper', 'save'], /which image\?[\s\S]*which folder\?/],
    ['nowhere to save to', ['helper', 'save', 'registry.example/h:1'], /why: which folder\?/],
    ['a word too many', [...move, 'cart-1'], /cart-1/],
    ['no pod', ['pod', '--to-context', 'west'], /kubectl migrate pod NAME/],
    ['no target', ['pod', 'cart-0'], /--to-context/],
    ['a pod that is none', ['pod', 'deployment/cart', '--to-context', 'west'], /deployment\/cart.*pod\/NAME/],
    ['a name that is none', ['pod', 'Cart_0', '--to-context', 'west'], /Cart_0/],
    ['an unknown engine', [...move, '--engine', 'magic'], /engine[\s\S]*magic[\s\S]*helper/],
    ['an unknown route', [...move, '--route', 'dns'], /route[\s\S]*dns[\s\S]*endpoints/],
    ['a duration that is none', [...move, '--max-freeze', 'soon'], /--max-freeze: 'soon'.*30s/],
    ['a deadline of nothing', [...move, '--ready-timeout', '0'], /--ready-timeout: '0'/],
    [
      'a helper deadline over its bound',
      [...move, '--helper-timeout', '601s'],
      /--helper-timeout: '601s'.*at most 10m/,
    ],
    [
      'a deadline of a resume that is no duration',
      ['resume', 'm-7f3kqd', '--ready-timeout', 'soon'],
      /--ready-timeout: 'soon'/,
    ],
    ['a hold that is no duration', [...move, '--hold', 'long'], /--hold: 'long'.*30s/],
    ['a hold of more than a week', [...move, '--hold', '169h'], /--hold: '169h'.*at most 168h/],
    ['a hold of several pods', [...move, '--hold', '30m', '--all-replicas'], /--hold.*--all-replicas/],
    ['a freeze that is too short', [...move, '--max-freeze', '99ms'], /--max-freeze: '99ms'.*at least 100ms/],
    ['a freeze of more than a day', [...move, '--max-freeze', '86401s'], /--max-freeze: '86401s'.*at most 24h/],
    ['a deadline of more than a day', [...move, '--copy-timeout', '25h'], /--copy-timeout: '25h'.*at most 24h/],
    ['a request of more than a day', [...move, '--request-timeout', '25h'], /--request-timeout: '25h'.*at most 24h/],
    ['a flag without its value', [...move, '--namespace'], /namespace/],
    ['an empty value', [...move, '--to-node', ''], /--to-node/],
  ])('%s is told with exit 2', async (_name, argv, words) => {
    const { code, stdout, stderr } = await kubectlMigrate(argv);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/error F301/);
    expect(stderr).toMatch(words);
    expect(stderr).toMatch(/kubectl migrate( \w+)* --help/);
  });

  it('gets all complaints at once', async () => {
    const { stderr } = await kubectlMigrate(['pod', '--copy-timeout', 'x', '--request-timeout', 'y']);
    for (const words of ['--copy-timeout', '--request-timeout', 'which pod?', '--to-context']) {
      expect(stderr).toContain(words);
    }
  });

  it.each([[['-o', 'json']], [['-ojson']], [['-yo', 'json']], [['--output=json']], [['-o', 'yaml']]])(
    'is told on stdout with %j',
    async (form) => {
      const { code, stdout, stderr } = await kubectlMigrate(['pod', ...form]);
      expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
      expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'F301', outcome: 'usage' } });
    },
  );
});

describe('a pod', () => {
  it.each([['pod/cart-0'], ['po/cart-0'], ['pods', 'cart-0'], ['po', 'cart-0'], ['pod', 'pod/cart-0']])(
    'is found by %s %s',
    async (...words) => {
      const argv = words.filter((word) => word !== undefined);
      const { code, stderr } = await kubectlMigrate([...argv, '--to-context', 'west', '--dry-run']);
      expect(code).toBe(1);
      expect(stderr).toContain('F302');
    },
  );

  it.each([
    [['-n', 'x', 'pod/cart-0']],
    [['-nx', 'po/cart-0']],
    [['--context=east', '-o', 'json', 'pods/cart-0']],
    [['--yes', 'pod/cart-0']],
    [['--yes', 'pod', 'cart-0']],
    [['-n', 'pod', 'pod', 'cart-0']],
    [['--kubeconfig', 'pod/cart-1', 'pod/cart-0']],
    [['--kubeconfig', 'pod/cart-0', 'pod/cart-0']],
  ])('is found behind flags: %j', async (words) => {
    const { code, stdout, stderr } = await kubectlMigrate([...words, '--to-context', 'west', '--dry-run']);
    expect(code).toBe(1);
    expect(stdout + stderr).toContain('F302');
  });

  it.each([[['pod/cart-0', '--helper-timeout', '10m']], [['po/cart-0', '--max-freeze', '24h']]])(
    'takes the longest deadline: %j',
    async (words) => {
      const { code } = await kubectlMigrate([...words, '--to-context', 'west', '--dry-run']);
      expect(code).toBe(1);
    },
  );

  it('is not what a flag is told', async () => {
    const { code, stderr } = await kubectlMigrate(['--kubeconfig', 'pod/cart-0', '--to-context', 'west']);
    expect(code).toBe(2);
    expect(stderr).toContain('which pod?');
  });

  it.each(['cart-0', 'pod/cart-0', 'pods/cart-0', 'po/cart-0'])('is meant by %s', (name) => {
    expect(podName(name)).toBe('cart-0');
  });

  it.each([undefined, '', 'pod/', 'svc/cart-0', 'pod/a/b', '-a', 'a-', 'Cart', '../x', 'a b', 'a\nb'])(
    'is not meant by %j',
    (name) => {
      expect(podName(name)).toBeUndefined();
    },
  );
});

describe('a duration', () => {
  it.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['30', 30_000],
    ['1.5s', 1500],
    ['2m', 120_000],
    ['1m30s', 90_000],
    ['1h', 3_600_000],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(['', '0', '0s', '-1s', 's', '1d', '1 s', '30s ', 'soon', '1e3s'])('%j is none', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });
});
