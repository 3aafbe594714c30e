import { goProgramImage } from './go-program.ts';

/** The load client of demo, tests and measurements; its flags are told in programs/client/main.go. */
export const client = goProgramImage('client', {});
