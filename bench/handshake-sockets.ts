// The same handshakes as in handshake-hosts.ts over real UDP sockets, still in one process: the responder's in one network
// namespace, those of all initiators in another.
import { KeyingSockets } from '../src/agent/keying-sockets.ts'
import { KeyingEndpoint } from '../src/keying/endpoint.ts'
import type { KeyingOutput, Path } from '../src/keying/machine.ts'
import { insideNamespace } from '../src/native/namespaces.ts'
import { initiatorAddress, present, type WorldBut, wish } from './handshake-hosts.ts'
import { VethPair } from './veth-pair.ts'

/** Handshakes under way at a time. */
const AT_ONCE = 16
/** Milliseconds; a datagram that is lost is missed by nobody else, since no timer runs here. */
const PATIENCE = 10_000

export class HandshakeSockets {
  readonly #pair = new VethPair('handshakes')
  readonly #inside: KeyingSockets
  readonly #outside: KeyingSockets
  #responder = new KeyingEndpoint()
  #world: WorldBut | undefined
  readonly #initiators = new Map<number, KeyingEndpoint>()
  #done = () => {}
  #left = 0

  constructor() {
    this.#inside = new KeyingSockets({
      mark: 0,
      heard: (path, bytes) => this.#take(this.#hear(this.#responder, path, bytes), this.#inside),
    })
    this.#outside = new KeyingSockets({
      mark: 0,
      heard: (path, bytes) => {
        const initiator = this.#initiators.get(path.local.address.words[0]!)
        if (initiator !== undefined) this.#take(this.#hear(initiator, path, bytes), this.#outside)
      },
    })
    insideNamespace(this.#pair.inside, () => this.#inside.open())
    insideNamespace(this.#pair.outside, () => this.#outside.open())
  }

  close(): void {
    this.#inside.close()
    this.#outside.close()
    this.#pair.close()
  }

  async run(count: number, world: WorldBut): Promise<void> {
    this.#responder = new KeyingEndpoint()
    this.#world = world
    this.#initiators.clear()
    this.#left = count
    let number = 0
    const next = () => {
      if (number === count) return
      const own = initiatorAddress(number++)
      const initiator = new KeyingEndpoint()
      this.#initiators.set(own.words[0]!, initiator)
      this.#take(initiator.handle(wish(own), present(world)), this.#outside)
    }
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${this.#left} handshakes came to nothing`)), PATIENCE)
      this.#done = () => {
        if (--this.#left > 0) return next()
        clearTimeout(timer)
        resolve()
      }
      for (let begun = 0; begun < AT_ONCE; begun++) next()
    })
  }

  #hear(endpoint: KeyingEndpoint, path: Path, bytes: Uint8Array): readonly KeyingOutput[] {
    return endpoint.handle({ kind: 'datagram', path, bytes }, present(this.#world!))
  }

  #take(outputs: readonly KeyingOutput[], sockets: KeyingSockets): void {
    for (const output of outputs) {
      if (output.kind === 'send') sockets.send(output.path, output.bytes)
      // The initiator has its keys last.
      if (output.kind === 'install' && sockets === this.#outside) this.#done()
    }
  }
}
