import path from 'node:path';

// Fixed places, so that every checkout on the machine finds a lab that another one started.
const data = '/var/lib/kubectl-migrate-lab';
const runtime = '/run/kubectl-migrate-lab';

/** Where the lab keeps what it runs on; all of it goes away with `down`. */
export const folders = {
  data,
  runtime,
  state: path.join(runtime, 'state.json'),
  lock: path.join(runtime, 'lock'),
  kubeconfig: path.join(data, 'kubeconfig'),
  registry: path.join(data, 'registry'),
  logs: path.join(data, 'logs'),
  nodes: path.join(data, 'nodes'),
  /** What every node has at `/srv/shared`. */
  shared: path.join(data, 'shared'),
} as const;
