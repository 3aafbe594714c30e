import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EXIT, MigrateError } from '../../src/domain/errors.ts';
import type { ApiRequest } from '../../src/kube/api-client.ts';
import { leaveBegun } from '../fixtures/move.ts';
import { type Served, serveClusters } from '../fixtures/served.ts';
import { type Clusters, twoClusters } from '../fixtures/two-clusters.ts';
import { type Ended, kubectlMigrate } from '../support/cli.ts';

const BOTH = ['--context', 'east', '--to-context', 'west'];

let clusters: Clusters;
let served: Served;
let interrupt: AbortController;

beforeEach(async () => {
  clusters = twoClusters();
  served = await serveClusters(clusters);
  interrupt = new AbortController();
});

afterEach(() => served.close());

const run = (...argv: string[]): Promise<Ended> => kubectlMigrate(argv, served.env, interrupt.signal);

/** Somebody presses Ctrl-C as soon as a request of that kind is made of the source. */
function interruptAt(when: (request: ApiRequest) => boolean): void {
  const reason = new MigrateError('F306', {
    detail: 'SIGINT received',
    remedy: 'run the command again when you are ready',
    outcome: 'interrupted',
  });
  const strike = (request: ApiRequest): boolean => {
    if (when(request)) interrupt.abort(reason);
    return false;
  };
  clusters.east.faults.add({ when: strike, fault: { kind: 'refused' } });
}

const writesLease = ({ method, path: to }: ApiRequest) => method === 'PATCH' && to.includes('/leases/');

describe('a failure that may come from anywhere', () => {
  it('says what tells of the move that was interrupted, and that command does', async () => {
    interruptAt(({ method, path: to }) => method === 'POST' && to.endsWith('/kubectl-migrate/pods'));
    const { code, stderr } = await run('pod', 'cart-0', '--to-context', 'west', '--yes');
    expect(code).toBe(EXIT.interrupted);
    const [, id = ''] =
      /do: .*run the command again when you are ready; what became of this one: kubectl migrate describe (m-\w+)$/m.exec(
        stderr,
      ) ?? [];
    interrupt = new AbortController();
    expect(await run('describe', id, ...BOTH)).toMatchObject({ code: 0, stdout: expect.stringContaining(id) });
  });

  it.each(['resume', 'rollback'])('says that %s goes on with the migration that was interrupted', async (command) => {
    await leaveBegun(clusters);
    interruptAt(writesLease);
    const { code, stderr } = await run(command, 'm-test', ...BOTH);
    expect(code).toBe(EXIT.interrupted);
    expect(stderr).toMatch(new RegExp(`do: .*; go on with: kubectl migrate ${command} m-test$`, 'm'));
  });

  it('says the same to somebody who has to log in again first', async () => {
    await leaveBegun(clusters);
    const fault = { kind: 'status', code: 401, reason: 'Unauthorized' } as const;
    clusters.east.faults.add({ when: writesLease, fault, times: 10 });
    const { code, stdout } = await run('resume', 'm-test', ...BOTH, '-o', 'json');
    expect(code).toBe(EXIT.failed);
    expect(JSON.parse(stdout).error).toMatchObject({
      code: 'F312',
      remedy: expect.stringMatching(/auth whoami; go on with: kubectl migrate resume m-test$/),
    });
  });

  it('of a cleanup as well', async () => {
    await leaveBegun(clusters);
    const fault = { kind: 'status', code: 401, reason: 'Unauthorized' } as const;
    clusters.east.faults.add({ when: writesLease, fault, times: 10 });
    const { stderr } = await run('cleanup', 'm-test', '--abandon', ...BOTH);
    expect(stderr).toMatch(/F312[\s\S]*; go on with: kubectl migrate cleanup m-test --abandon$/m);
  });
});
