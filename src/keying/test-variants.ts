// For tests of what a network may do to a message: every one that is cut or changed, and what a host holds meanwhile.
import { LENGTH_AT } from '../wire/ike/header.ts'
import type { TestHost } from './test-hosts.ts'

const HEADER = 28

/** Cut at every length, with a length field that fits and one that does not; changed at every octet. IKE begins at `start`. */
export function* variantsOf(bytes: Uint8Array, random: () => number, start = 0): Generator<Uint8Array> {
  for (let length = 0; length < bytes.length; length++) {
    const cut = bytes.slice(0, length)
    yield cut
    // The same with a length that says so: only what is inside can be wrong now.
    if (length < start + HEADER) continue
    const fitting = cut.slice()
    new DataView(fitting.buffer).setUint32(start + LENGTH_AT, length - start)
    yield fitting
  }
  for (let at = 0; at < bytes.length; at++) {
    const changed = bytes.slice()
    changed[at]! ^= 1 + Math.floor(255 * random())
    yield changed
  }
}

export function stateOf(host: TestHost): string {
  return JSON.stringify([host.endpoint.sessions(), [...host.pairs.keys()], host.sending, host.refused])
}
