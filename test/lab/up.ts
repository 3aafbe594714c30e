import { createHash, type Hash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { hashTree } from './cache.ts';
import { makeGroups } from './cgroup.ts';
import { controlPlanePrograms } from './control-plane.ts';
import { dnsObjects } from './dns.ts';
import { takeDown } from './down.ts';
import { folders } from './folders.ts';
import { pushHelperImage } from './helper-image.ts';
import { statusOf } from './https.ts';
import { clusterImages, scenarioImages } from './images/index.ts';
import { linkNode, makeBridge, setIsolation } from './network.ts';
import { hasRuntimeSocket, nodePrograms, runtimeProgram, startNode } from './node.ts';
import { sameRuntimes, type UpOptions, variantOf } from './options.ts';
import { missingParts, obtainParts, type Parts } from './parts.ts';
import { kubeconfig } from './pki.ts';
import { preflight, refuseLatency } from './preflight.ts';
import { isAlive, type ProcessId } from './processes.ts';
import { fromRoot, insideNode, type Program, startDetached } from './program.ts';
import { Progress, type Say } from './progress.ts';
import { pushLayout, registryReady, startRegistry } from './registry.ts';
import { Hopeless, run, until } from './run.ts';
import { bootId, readState, type State, writeState } from './state.ts';
import { clusterNames, clusters, type NodeName, nodeNames, nodes } from './topology.ts';
import { raiseWatchLimit } from './watch-limit.ts';

const checkout = path.resolve(import.meta.dirname, '../..');

/** Digest of the lab's own code and of the helper's, whose image is in its registry. */
function codeDigest(): string {
  const hash: Hash = createHash('sha256');
  hashTree(hash, import.meta.dirname, 'lab');
  hashTree(hash, path.join(checkout, 'src/helper'), 'helper');
  return hash.digest('hex').slice(0, 16);
}

/**
 * Brings the lab up. A running one stays as it is, but for isolation, which is switched as asked for. Anything left by a
 * lab that did not come up, or that a reboot ended, is removed first.
 * @throws before anything is changed when the machine cannot carry a lab, or carries one of another kind.
 */
export async function bringUp(options: UpOptions, say: Say): Promise<State> {
  if (options.latency !== undefined) await refuseLatency();
  const variant = variantOf(options);
  const present = readState();
  if (present !== undefined && options.fresh !== true && isRunning(present)) {
    if (!sameRuntimes(present.variant, variant)) {
      throw new Error('a lab of another kind is running; add --fresh to replace it, or take it down first');
    }
    if (present.code !== codeDigest())
      say(`the running lab was made by other code (${present.checkout}); --fresh renews it`);
    return present.variant.isolated === variant.isolated ? present : await switchIsolation(present, variant);
  }
  const missing = missingParts(variant);
  await preflight(missing > 2, say);
  const progress = new Progress(say, missing + 4);
  const parts = await obtainParts(variant, progress, say);
  await takeDown();
  const state = await start(parts, { ...emptyState(parts), variant }, progress);
  say(`the lab is up after ${progress.seconds.toFixed(0)} s: export KUBECONFIG=${folders.kubeconfig}`);
  return state;
}

/** What is between the clusters is a matter of packet filter rules alone: nothing has to start anew for it. */
async function switchIsolation(present: State, variant: State['variant']): Promise<State> {
  await setIsolation(fromRoot(present.nodeRoot, 'usr/sbin/nft'), variant.isolated);
  const state = { ...present, variant };
  writeState(state);
  return state;
}

/** Whether every process of the lab still runs. */
export function isRunning(state: State): boolean {
  return state.phase === 'ready' && state.boot === bootId() && state.processes.every(isAlive);
}

function emptyState(parts: Parts): Omit<State, 'variant'> {
  return {
    version: 1,
    phase: 'starting',
    boot: bootId(),
    checkout,
    code: codeDigest(),
    network: false,
    processes: [],
    inits: {},
    kubectl: path.join(parts.kubernetes, 'usr/local/bin/kubectl'),
    nodeRoot: parts.nodeRoot,
    images: {},
  };
}

async function start(parts: Parts, state: State, progress: Progress): Promise<State> {
  const record = (node: string, program: string, id: ProcessId) => {
    state.processes.push({ ...id, node, program });
    writeState(state);
  };
  const launch = (node: NodeName, program: Program) => record(node, program.name, startDetached(node, program));
  const push = async (name: string) => {
    const layout = parts.layouts[name];
    if (layout !== undefined) state.images[name] = await pushLayout(layout, `${name}:lab`);
  };

  await progress.step('network, registry and nodes', '2 s', async () => {
    // Written before the acts, so that a `down` after a kill in the midst of them knows what to look for.
    state.network = true;
    writeState(state);
    const watchLimit = raiseWatchLimit();
    if (watchLimit !== undefined) state.watchLimit = watchLimit;
    writeState(state);
    mkdirSync(folders.data, { recursive: true });
    for (const member of ['registry', ...nodeNames]) makeGroups(member);
    await makeBridge();
    if (state.variant.isolated) await setIsolation(fromRoot(parts.nodeRoot, 'usr/sbin/nft'), true);
    record('registry', 'registry', startRegistry(parts.nodeRoot, parts.pki));
    for (const name of nodeNames) await startOne(name, parts, state, record);
    const users = clusterNames.map((cluster) => ({ cluster, certificate: `${cluster}-admin` }));
    writeFileSync(folders.kubeconfig, kubeconfig(parts.pki, users), { mode: 0o600 });
  });

  await progress.step('API servers', '6 s', async () => {
    for (const cluster of clusterNames) {
      const { controlPlane } = clusters[cluster];
      for (const program of controlPlanePrograms(clusters[cluster])) {
        launch(controlPlane, { ...program, command: insideNode(initOf(state, controlPlane), program.command) });
      }
    }
    for (const name of nodeNames) launch(name, runtimeProgram(initOf(state, name), state.variant.runtimes[name]));
    await registryReady();
    await Promise.all(clusterImages.map((image) => push(image.name)));
    await Promise.all(clusterNames.map((cluster) => apiServerReady(parts.pki, cluster)));
  });

  await progress.step('nodes Ready, DNS and service accounts', '10 s', async () => {
    for (const name of nodeNames) {
      const init = initOf(state, name);
      const runtime = state.variant.runtimes[name];
      await until(`container runtime of ${name}`, 30, async () => (hasRuntimeSocket(init, runtime) ? true : undefined));
      for (const program of nodePrograms(name, init)) launch(name, program);
    }
    await Promise.all(clusterNames.map((cluster) => clusterReady(state, cluster)));
  });

  await progress.step('images for scenarios, and the helper image', '5 s', async () => {
    await Promise.all(scenarioImages.map((image) => push(image.name)));
    state.helperImage = await pushHelperImage(parts.helperImage);
  });
  state.phase = 'ready';
  writeState(state);
  return state;
}

type Recorder = (node: string, program: string, id: ProcessId) => void;

async function startOne(name: NodeName, parts: Parts, state: State, record: Recorder): Promise<void> {
  const runtime = state.variant.runtimes[name];
  const extra = runtime === undefined ? undefined : parts.runtimes[runtime];
  const layers = [...(extra === undefined ? [] : [extra]), parts.criuShim, parts.kubernetes, parts.nodeRoot];
  const { init } = await startNode(name, { layers, pki: parts.pki, root: parts.nodeRoot, runtime }, (outer) =>
    record(name, 'init', outer),
  );
  state.inits[name] = init;
  record(name, 'init', init);
  await linkNode(name, init.pid);
}

async function apiServerReady(pki: string, cluster: (typeof clusterNames)[number]): Promise<void> {
  const authority = readFileSync(path.join(pki, `${cluster}-ca.crt`), 'utf8');
  const url = `${clusters[cluster].apiServer}/readyz`;
  await until(`API server of ${cluster}`, 60, async () =>
    (await statusOf(url, authority)) === 200 ? true : undefined,
  );
}

async function clusterReady(state: State, cluster: (typeof clusterNames)[number]): Promise<void> {
  const kubectl = (args: readonly string[], input?: string) =>
    run(
      state.kubectl,
      ['--kubeconfig', folders.kubeconfig, '--context', cluster, ...args],
      input === undefined ? {} : { input },
    );
  const image = state.images['coredns'];
  if (image === undefined) throw new Error('the DNS image was not pushed');
  await kubectl(['apply', '--server-side', '-f', '-'], JSON.stringify(dnsObjects(clusters[cluster], image)));
  const members = nodeNames.filter((name) => nodes[name].cluster === cluster).map((name) => `node/${name}`);
  await until(`nodes of ${cluster}`, 60, async () => {
    const ended = state.processes.find((id) => !isAlive(id));
    if (ended !== undefined)
      throw new Hopeless(`${ended.program} ended; 'logs ${ended.node} ${ended.program}' may tell why`);
    return (await kubectl(['get', ...members])) ? true : undefined;
  });
  await kubectl(['wait', '--for=condition=Ready', '--timeout=60s', ...members]);
  await until(`default service account of ${cluster}`, 30, async () =>
    (await kubectl(['get', 'serviceaccount', 'default', '--namespace=default'])) ? true : undefined,
  );
  await kubectl(['rollout', 'status', '--namespace=kube-system', '--timeout=60s', 'deployment/coredns']);
}

function initOf(state: State, name: NodeName): number {
  const init = state.inits[name];
  if (init === undefined) throw new Error(`node ${name} was not started`);
  return init.pid;
}
