import type { Effect } from '../../src/domain/effect.ts';
import { createConfigMapSink, journalRef } from '../../src/journal/config-map-sink.ts';
import type { JournalSink } from '../../src/journal/ports.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { createReader } from '../../src/kube/client.ts';
import { systemClock } from '../../src/kube/clock.ts';
import { createGateway } from '../../src/kube/gateway.ts';
import type { Gateway } from '../../src/kube/ports.ts';

/** A ConfigMap sink in a namespace, with a gateway that allows it every record. */
export function configMapSink(api: ApiClient, namespace: string): JournalSink {
  const allow = (id: string): Gateway => {
    const effects = (['create', 'patch', 'delete'] as const).map(
      (verb): Effect => ({
        step: 'journal',
        phase: 'prepare',
        verb,
        object: journalRef('source', id, namespace),
        detail: '',
      }),
    );
    return createGateway({ source: api, target: api, effects, clock: systemClock });
  };
  const gateway: Gateway = {
    ...allow('none'),
    create: (side, resource, object, options) => allow(object.metadata.name).create(side, resource, object, options),
    patch: (ref, type, body, options) => allow(ref.name).patch(ref, type, body, options),
    delete: (ref, options) => allow(ref.name).delete(ref, options),
  };
  return createConfigMapSink({ reader: createReader(api, systemClock), gateway, namespace });
}
