// Handshakes of strongSwan with itself: one in each of two network namespaces of a room, driven over vici, with ESP in user
// space. What they spend on processors is read from /proc, thread by thread.
import { setTimeout as wait } from 'node:timers/promises'
import { LabRoom, whyNoRoom } from '../test/interop/ike/lab-room.ts'
import {
  type AuthenticationWords,
  type ConnectionWords,
  load,
  type RoomStrongSwan,
  startStrongSwan,
  whyNoStrongSwan,
} from '../test/interop/ike/strongswan.ts'
import { part, type ViciSection } from '../test/interop/ike/vici.ts'

const addresses = ['10.54.9.1', '10.54.9.2'] as const
/** Connections: sessions with a child, and sessions alone (RFC 6023), which install nothing. */
export type Extent = 'whole' | 'childless'
const [WHOLE, CHILDLESS]: readonly [Extent, Extent] = ['whole', 'childless']
/** Milliseconds for all handshakes of a round. */
const PATIENCE = 60_000

/** Quiet, with a hash table for many sessions, a new session for each wish, and no routes for what they protect. */
const settings = `
  reuse_ikesa = no
  install_routes = no
  ikesa_table_size = 256
  ikesa_table_segments = 4
  filelog { main { default = -1
    ike = -1
    cfg = -1
    chd = -1 } }
`

export interface StrongSwanWords {
  /** In strongSwan's words. */
  readonly ike: string
  readonly esp: string
  readonly authentication: AuthenticationWords
  readonly secret?: string
  readonly key?: string
}

export interface Spent {
  /** Of both daemons together. */
  readonly processorSeconds: number
  readonly seconds: number
}

export function whyNoPair(): string {
  return whyNoRoom() || whyNoStrongSwan()
}

export class StrongSwanPair {
  readonly #room = new LabRoom()
  #daemons: readonly RoomStrongSwan[] = []

  static async start(): Promise<StrongSwanPair> {
    const pair = new StrongSwanPair()
    try {
      await pair.#start()
      return pair
    } catch (error) {
      await pair.close()
      throw error
    }
  }

  async #start(): Promise<void> {
    const room = this.#room
    for (const name of ['one', 'two']) await room.must(undefined, `ip netns add ${name}`)
    await room.must(undefined, 'ip link add wire netns one type veth peer name wire netns two')
    for (const [index, name] of ['one', 'two'].entries()) {
      await room.must(name, 'ip link set lo up')
      await room.must(name, `ip address add ${addresses[index]}/24 dev wire`)
      await room.must(name, 'ip link set wire up')
    }
    for (const name of ['one', 'two']) {
      const daemon = await startStrongSwan({ room, name, namespace: name, settings, ikeLog: 1 })
      this.#daemons = [...this.#daemons, daemon]
    }
  }

  async use({ ike, esp, authentication, secret, key }: StrongSwanWords): Promise<void> {
    for (const [index, daemon] of this.#daemons.entries()) {
      const connection = (name: string, more: ViciSection): ConnectionWords => ({
        ...{ name, local: addresses[index]!, remote: addresses[1 - index]!, ike: [ike], esp: [esp] },
        ...{ here: authentication, there: authentication, mode: 'tunnel', more: { unique: 'never', ...more } },
      })
      const both = [connection(WHOLE, {}), connection(CHILDLESS, { childless: 'force' })]
      await load(daemon.vici, both, {
        ...(secret === undefined ? {} : { psk: addresses.map(address => [address, secret] as const) }),
        ...(key === undefined ? {} : { keys: [key] }),
      })
    }
  }

  /** So many handshakes at once, from the first wish until both ends have all of them. */
  async run(count: number, extent: Extent): Promise<Spent> {
    const [one] = this.#daemons
    const before = await this.#processorSeconds()
    const start = performance.now()
    const wish = { [extent === 'whole' ? 'child' : 'ike']: extent, timeout: '-1', 'init-limits': 'no' }
    await Promise.all(Array.from({ length: count }, () => one!.vici.ask('initiate', wish)))
    await this.#until(count)
    const seconds = (performance.now() - start) / 1000
    const processorSeconds = (await this.#processorSeconds()) - before
    await one!.vici.ask('terminate', { ike: extent, timeout: '-1' })
    await this.#until(0)
    return { processorSeconds, seconds }
  }

  async close(): Promise<void> {
    for (const daemon of this.#daemons) await daemon.stop()
    await this.#room.close()
  }

  /** Both have so many sessions that stand. */
  async #until(count: number): Promise<void> {
    const until = performance.now() + PATIENCE
    for (const { vici } of this.#daemons) {
      for (;;) {
        const sessions = part(await vici.ask('stats'), 'ikesas')
        if (Number(sessions['total']) - Number(sessions['half-open']) === count) break
        if (performance.now() > until) throw new Error(`strongSwan has ${JSON.stringify(sessions)}, not ${count}`)
        await wait(20)
      }
    }
  }

  async #processorSeconds(): Promise<number> {
    const script = 'for p in /proc/[0-9]*; do grep -q charon $p/comm && cat $p/task/*/schedstat; done; true'
    const { output } = await this.#room.run({ words: ['sh', '-c', script] })
    const times = output.split('\n').filter(line => line !== '')
    if (times.length < this.#daemons.length) throw new Error('the kernel does not tell what processes spend')
    return times.reduce((sum, line) => sum + Number(line.split(' ')[0]) / 1e9, 0)
  }
}
