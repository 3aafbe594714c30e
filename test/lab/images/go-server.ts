import { goProgramImage } from './go-program.ts';

/** A Go HTTP server with default settings, and so an MPTCP listener; port 8080. */
export const goServer = goProgramImage('go-server', { ExposedPorts: { '8080/tcp': {} } });
