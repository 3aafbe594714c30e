import { get } from 'node:https';

/**
 * Asks an HTTPS address of the lab and returns the status code.
 * @param authority certificate, in PEM, that the server's must be signed by.
 * @throws when there is no answer within two seconds.
 */
export function statusOf(url: string, authority: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = get(url, { ca: authority, agent: false, timeout: 2000 }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.on('timeout', () => request.destroy(new Error(`${url} does not answer`)));
    request.on('error', reject);
  });
}
