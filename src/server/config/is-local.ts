/** Whether only this machine reaches an address of the settings: a socket, or loopback. */
export function isLocal(address: string): boolean {
  if (address.startsWith('unix:')) return true;
  return isLoopback(address.slice(0, address.lastIndexOf(':')));
}

/** Whether a host name always means this machine: `localhost`, `127.0.0.1`, `[::1]`. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[?(?:::ffff:127(?:\.\d{1,3}){3}|::1)\]?)$/i.test(host);
}
