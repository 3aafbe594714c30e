import { client } from './client.ts';
import { corednsImage } from './coredns.ts';
import { goServer } from './go-server.ts';
import type { LabImage } from './image.ts';
import { jvmCounter } from './jvm-counter.ts';
import { loopbackPair } from './loopback-pair.ts';
import { memcached } from './memcached.ts';
import { nginx } from './nginx.ts';
import { nodeCounter } from './node-counter.ts';
import { pause } from './pause.ts';
import { postgres } from './postgres.ts';
import { python } from './python.ts';
import { redis } from './redis.ts';
import { staticProgram } from './static.ts';

/** Images without which no pod runs and no name resolves. */
export const clusterImages: readonly LabImage[] = [pause, corednsImage];

/** Images that scenarios run. */
export const scenarioImages: readonly LabImage[] = [
  client,
  goServer,
  jvmCounter,
  loopbackPair,
  memcached,
  nginx,
  nodeCounter,
  postgres,
  python,
  redis,
  staticProgram,
];
