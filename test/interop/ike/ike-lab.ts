// The lab as a test sees it: a peer (strongSwan or Libreswan in a Linux guest with the kernel's ESP, or strongSwan in a
// network namespace), our host on the other end of the cable, and a NAT between them where that is asked for.
import { parseAddress } from '../../../src/base/address.ts'
import { GuestMachine, guestStation } from '../uml/guest-machine.ts'
import { type FramePort, LabLink, ourStation } from '../uml/lab-link.ts'
import { joinPorts, nudge } from './frame-wire.ts'
import { Libreswan, type LibreswanWords } from './guest-libreswan.ts'
import { type GuestStrongSwan, startStrongSwanInGuest } from './guest-strongswan.ts'
import { IkeHost, type IkeHostOptions } from './ike-host.ts'
import { LabRoom } from './lab-room.ts'
import { type NatBox, startNat } from './nat-box.ts'
import { type RoomStrongSwan, type StrongSwan, type StrongSwanSettings, startStrongSwan } from './strongswan.ts'
import type { ViciSection } from './vici.ts'

export const ours = { 4: '10.54.9.1', 6: 'fd54:9::1' } as const
export const theirs = { 4: '10.54.9.2', 6: 'fd54:9::2' } as const
/** Of whoever is behind the NAT, and of the NAT on that side; its other side has the address of `ours` or `theirs`. */
export const hidden = '10.54.8.2'
const router = '10.54.8.1'

export type NatSide = 'none' | 'ours' | 'theirs'

/** What a test may do with its end of the cable: a host of ours, as often as it likes. */
class HostEnd {
  readonly #port: FramePort
  readonly #peers: readonly string[]
  readonly #own: readonly string[]
  #host: IkeHost | undefined
  #link: LabLink | undefined

  constructor(port: FramePort, own: readonly string[], peers: readonly string[]) {
    this.#port = port
    this.#own = own
    this.#peers = peers
  }

  get link(): LabLink {
    if (this.#link === undefined) throw new Error('there is no host of ours yet')
    return this.#link
  }

  /** A new host in place of the one before, which is gone without a word. */
  async host(options: Omit<IkeHostOptions, 'addresses'> = {}): Promise<IkeHost> {
    await this.leave()
    this.#host = new IkeHost({ ...options, addresses: this.#own })
    this.#link = new LabLink(this.#port, this.#host.lab.wire, this.#peers, this.#own)
    return this.#host
  }

  async leave(): Promise<void> {
    this.#link?.stop()
    await this.#host?.stop(true)
    this.#host = undefined
  }
}

export interface LabOptions {
  readonly nat?: NatSide
  /** Octets of the largest packet that the peer's side sends. */
  readonly mtu?: number
}

/** Takes the NAT into the cable: answers the port that is our end of it. */
async function cable(room: LabRoom | undefined, peer: FramePort, nat: NatSide, mtu?: number) {
  if (room === undefined || nat === 'none') return { port: peer, box: undefined }
  const [inside, outside] = nat === 'ours' ? [guestStation, ourStation] : [ourStation, guestStation]
  const box = await startNat(room, {
    ...{ inside: `${router}/24`, outside: `${nat === 'ours' ? ours[4] : theirs[4]}/24` },
    ...{ insideStation: inside, outsideStation: outside },
    ...(nat === 'theirs' ? { forward: hidden } : {}),
    ...(mtu === undefined ? {} : { mtu }),
  })
  const [toPeer, toUs] = nat === 'ours' ? [box.outside, box.inside] : [box.inside, box.outside]
  joinPorts(peer, toPeer)
  return { port: toUs, box }
}

function addressesOf(nat: NatSide) {
  const own = nat === 'ours' ? [hidden] : nat === 'theirs' ? [ours[4]] : Object.values(ours)
  const peers = nat === 'none' ? Object.values(theirs) : [theirs[4]]
  const atPeer = nat === 'none' ? Object.values(theirs) : nat === 'theirs' ? [hidden] : [theirs[4]]
  return { own, peers, atPeer, gateway: nat === 'theirs' ? router : undefined }
}

/** strongSwan in a network namespace: starts in a tenth of a second, ESP in user space, tunnel mode in UDP only. */
export class RoomLab {
  readonly room: LabRoom
  readonly end: HostEnd
  readonly nat: NatBox | undefined
  strongSwan: RoomStrongSwan

  private constructor(end: HostEnd, nat: NatBox | undefined, strongSwan: RoomStrongSwan, room: LabRoom) {
    this.end = end
    this.nat = nat
    this.strongSwan = strongSwan
    this.room = room
  }

  static async start({
    nat = 'none',
    mtu,
    ...settings
  }: LabOptions & Partial<StrongSwanSettings> = {}): Promise<RoomLab> {
    const room = new LabRoom()
    try {
      const { own, peers, atPeer, gateway } = addressesOf(nat)
      await room.must(undefined, 'ip netns add peer')
      const peer = await room.tap('lab0', 'peer')
      await room.must('peer', `ip link set lab0 address ${guestStation} addrgenmode none`)
      await room.must('peer', 'ip link set lo up')
      for (const address of atPeer) {
        const isIpv6 = parseAddress(address)!.family === 6
        await room.must('peer', `ip address add ${address}/${isIpv6 ? '64' : '24'} dev lab0${isIpv6 ? ' nodad' : ''}`)
      }
      await room.must('peer', `ip link set lab0 up mtu ${mtu ?? 1500}`)
      if (gateway !== undefined) {
        await room.must('peer', `ip route add default via ${gateway}`)
        // What our policy's tunnel leads to.
        await room.must('peer', `ip address add ${theirs[4]}/32 dev lo`)
      }
      const { port, box } = await cable(room, peer, nat, mtu)
      const strongSwan = await startStrongSwan({ room, name: 'peer', namespace: 'peer', ...settings })
      return new RoomLab(new HostEnd(port, own, peers), box, strongSwan, room)
    } catch (cause) {
      await room.close()
      throw cause
    }
  }

  /** The peer's side of a ping to our host; the fault, or nothing. */
  async pingFromPeer(to: string, size = 56): Promise<string> {
    const words = ['ping', '-c1', '-W5', '-q', '-s', String(size), to]
    const { status, output, fault } = await this.room.run({ words, namespace: 'peer' })
    return status === 0 ? '' : `${output}${fault}`
  }

  async restart(): Promise<void> {
    await this.strongSwan.kill()
    this.strongSwan = await startStrongSwan({ room: this.room, name: 'peer', namespace: 'peer' })
  }

  async stop(): Promise<void> {
    await this.end.leave()
    this.strongSwan.vici.close()
    await this.room.close()
  }
}

/** A Linux guest, whose kernel has ESP and AH in both modes. One daemon of the two at a time. */
export class GuestLab {
  readonly guest: GuestMachine
  readonly end: HostEnd
  readonly nat: NatBox | undefined
  readonly #room: LabRoom | undefined
  readonly #endNudging: () => void
  #strongSwan: GuestStrongSwan | undefined
  #libreswan: Libreswan | undefined

  private constructor(guest: GuestMachine, end: HostEnd, nat: NatBox | undefined, room: LabRoom | undefined) {
    this.guest = guest
    this.end = end
    this.nat = nat
    this.#room = room
    // Also for its serial lines, and while there is no host of ours.
    this.#endNudging = nudge([guest])
  }

  static async start({ nat = 'none', mtu = 1500 }: LabOptions = {}): Promise<GuestLab> {
    const guest = await GuestMachine.start()
    const room = nat === 'none' ? undefined : new LabRoom()
    try {
      const { own, peers, atPeer, gateway } = addressesOf(nat)
      const lines = [
        `link set vec0 up mtu ${mtu}`,
        ...atPeer.map(address => `address add ${address}${address.includes(':') ? '/64' : '/24'} dev vec0`),
        ...(gateway === undefined ? [] : [`route add default via ${gateway}`]),
      ]
      const fault = await guest.ask({
        do: 'ip',
        lines: lines.map(line => (line.includes('::') ? `${line} nodad` : line)),
      })
      if (fault !== '') throw new Error(`the guest has no addresses: ${fault}`)
      const { port, box } = await cable(room, guest, nat, mtu)
      return new GuestLab(guest, new HostEnd(port, own, peers), box, room)
    } catch (cause) {
      await guest.stop()
      await room?.close()
      throw cause
    }
  }

  async strongSwan(settings: Partial<StrongSwanSettings> = {}): Promise<StrongSwan & { kill(): Promise<void> }> {
    await this.#libreswan?.stop()
    this.#libreswan = undefined
    this.#strongSwan ??= await startStrongSwanInGuest(this.guest, settings)
    return this.#strongSwan
  }

  async restartStrongSwan(settings: Partial<StrongSwanSettings> = {}): Promise<StrongSwan> {
    await this.#strongSwan?.kill()
    this.#strongSwan = undefined
    await this.forgetAssociations()
    return this.strongSwan(settings)
  }

  /** Its keys and secrets are given at its start. */
  async libreswan(words: LibreswanWords): Promise<Libreswan> {
    await this.#strongSwan?.stop()
    await this.#libreswan?.stop()
    this.#strongSwan = undefined
    this.#libreswan = await Libreswan.start(this.guest, words)
    return this.#libreswan
  }

  async forgetAssociations(): Promise<void> {
    await this.guest.ask({ do: 'ip', lines: ['xfrm state flush', 'xfrm policy flush'] })
  }

  async pingFromPeer(to: string, size = 56): Promise<string> {
    return this.guest.ask({ do: 'ping', to, sizes: [size], patience: 5 })
  }

  async stop(): Promise<void> {
    this.#endNudging()
    await this.end.leave()
    this.#strongSwan?.vici.close()
    await this.guest.stop()
    await this.#room?.close()
  }
}

/** Ends everything that strongSwan has with anybody, at once; our host does not hear of it for certain. */
export async function clear({ vici }: StrongSwan): Promise<void> {
  // One that is being rekeyed has a successor, which is listed only when it stands.
  for (let look = 0; look < 5; look++) {
    const sessions = await vici.list('list-sas', 'list-sa')
    if (sessions.length === 0) return
    await endAll(vici, sessions)
  }
}

async function endAll(vici: StrongSwan['vici'], sessions: readonly ViciSection[]): Promise<void> {
  for (const session of sessions) {
    for (const value of Object.values(session)) {
      const id = (value as { uniqueid?: string }).uniqueid
      // It may be gone meanwhile.
      if (id !== undefined) await vici.ask('terminate', { 'ike-id': id, force: 'yes', timeout: '-1' }).catch(() => {})
    }
  }
}
