import { goProgramImage } from './go-program.ts';

/** Two processes that hold a connection over loopback; port 8080 tells how it goes. */
export const loopbackPair = goProgramImage('loopback-pair', { ExposedPorts: { '8080/tcp': {} } });
