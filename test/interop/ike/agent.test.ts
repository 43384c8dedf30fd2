// The real agent against strongSwan with the Linux kernel's ESP: a TAP device in the agent's network namespace, its other end
// in a user-mode Linux guest, transport mode. Every frame between the two is kept and judged by the auditor. With
// SEALWIRE_LONG_TESTS=1 all combinations run, with data for a minute each.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { AgentStatus } from '../../../src/monitor/agent-status.ts'
import { audit, whyNoAgents } from '../../live/two-agents.ts'
import { GuestMachine, guestStation, whyNoGuest } from '../uml/guest-machine.ts'
import { type FramePort, ourStation } from '../uml/lab-link.ts'
import { joinPorts, nudge } from './frame-wire.ts'
import { type GuestStrongSwan, startStrongSwanInGuest } from './guest-strongswan.ts'
import { clear, ours, theirs } from './ike-lab.ts'
import { LabRoom } from './lab-room.ts'
import { endsOf, LabCertificates, type Negotiation, policyOf, teach } from './negotiation.ts'
import { whyNoStrongSwan } from './strongswan.ts'

const skip = whyNoAgents() || whyNoGuest() || whyNoStrongSwan() || false
const isLong = process.env['SEALWIRE_LONG_TESTS'] === '1'
const seconds = isLong ? 60 : 2
const root = join(import.meta.dirname, '..', '..', '..')
const program = join(root, 'sealwire')
const PORT = 7000

/** In the guest: sends back what follows the first four octets of a stream. */
const echo = `
import socket, threading
server = socket.create_server(("::", ${PORT}), family=socket.AF_INET6, dualstack_ipv6=True)
def serve(line):
    with line:
        line.recv(4, socket.MSG_WAITALL)
        while data := line.recv(65536):
            line.sendall(data)
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
`

interface Case {
  readonly initiator: 'ours' | 'theirs'
  readonly family: 4 | 6
  readonly form: 'raw' | 'udp'
  readonly isInCi: boolean
}

const cases: readonly Case[] = (['raw', 'udp'] as const).flatMap(form =>
  ([4, 6] as const).flatMap(family =>
    (['ours', 'theirs'] as const).map(initiator => {
      const isInCi = ((initiator === 'ours') === (family === 4)) === (form === 'raw')
      return { initiator, family, form, isInCi }
    }),
  ),
)

/** Frames in a file of Wireshark's older kind. */
class FrameFile {
  #pieces: Uint8Array[] = []

  add(frame: Uint8Array): void {
    const head = new DataView(new ArrayBuffer(16))
    const now = Date.now()
    for (const [at, value] of [Math.floor(now / 1000), (now % 1000) * 1000, frame.length, frame.length].entries()) {
      head.setUint32(4 * at, value)
    }
    this.#pieces.push(new Uint8Array(head.buffer), frame)
  }

  /** What there was since the last time. */
  write(file: string): void {
    const head = new DataView(new ArrayBuffer(24))
    head.setUint32(0, 0xa1b2c3d4)
    head.setUint16(4, 2)
    head.setUint16(6, 4)
    head.setUint32(16, 262_144)
    head.setUint32(20, 1)
    writeFileSync(file, Buffer.concat([new Uint8Array(head.buffer), ...this.#pieces]))
    this.#pieces = []
  }
}

describe('the agent and a Linux kernel with strongSwan speak ESP on a wire', { skip }, () => {
  const certificates = new LabCertificates()
  const frames = new FrameFile()
  let room: LabRoom
  let guest: GuestMachine
  let strongSwan: GuestStrongSwan
  let endNudging = () => {}
  let runs = 0

  before(async () => {
    ;[room, guest] = [new LabRoom(), await GuestMachine.start()]
    const tap: FramePort = await room.tap('lab0')
    joinPorts(guest, tap, frame => frames.add(frame))
    endNudging = nudge([guest])
    for (const words of [
      `ip link set lab0 address ${ourStation} addrgenmode none up`,
      'ip link set lo up',
      `ip address add ${ours[4]}/24 dev lab0`,
      `ip address add ${ours[6]}/64 dev lab0 nodad`,
      // The guest's kernel seals what it tells its neighbours, too, so that nobody would understand.
      `ip neighbour add ${theirs[6]} lladdr ${guestStation} dev lab0 nud permanent`,
    ]) {
      await room.must(undefined, words)
    }
    const lines = [
      'link set vec0 up',
      `address add ${theirs[4]}/24 dev vec0`,
      `address add ${theirs[6]}/64 dev vec0 nodad`,
      `neighbour add ${ours[6]} lladdr ${ourStation} dev vec0 nud permanent`,
    ]
    assert.equal(await guest.ask({ do: 'ip', lines }), '')
    strongSwan = await startStrongSwanInGuest(guest)
    await guest.startProgram({ words: ['python3', '-c', echo] }, '/tmp/echo')
  })
  after(async () => {
    endNudging()
    strongSwan?.vici.close()
    await guest?.stop()
    await room?.close()
    certificates.close()
  })

  async function up(policy: object) {
    const name = `agent-${++runs}`
    const [file, state, log] = [`${name}.json`, name, `${name}.log`].map(at => join(certificates.folder, at))
    writeFileSync(file!, JSON.stringify(policy))
    const agent = await room.start({ words: [program, 'up', '--policy', file!, '--state', state!] }, log!)
    const said = () => readFileSync(log!, 'utf8')
    for (let tries = 0; !said().includes('"event":"up"'); tries++) {
      assert.ok(tries < 300, `the agent did not start:\n${said()}`)
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    return {
      ...{ file: file!, said },
      async status() {
        const { output } = await room.run({ words: [program, 'status', '--state', state!, '--json'] })
        return JSON.parse(output) as AgentStatus
      },
      down: () => room.stopProgram(agent),
    }
  }

  for (const { initiator, family, form, isInCi } of cases) {
    if (!isInCi && !isLong) continue
    const who = initiator === 'ours' ? 'we begin' : 'strongSwan begins'
    test(`${who}; IPv${family}, ESP ${form === 'raw' ? 'raw' : 'in UDP'}`, async () => {
      const isAsked = form === 'udp'
      const words: Negotiation = {
        ...{ initiator, family, key: 'ecdsa-256' },
        // One host that wants ESP in UDP is enough: each of the two once.
        ...(isAsked && initiator === 'ours' ? { rule: { encapsulation: 'udp' } } : {}),
        ...(isAsked && initiator === 'theirs' ? { theirs: { more: { encap: 'yes' } } } : {}),
      }
      const ends = endsOf('none', family)
      await clear(strongSwan)
      await guest.ask({ do: 'ip', lines: ['xfrm state flush', 'xfrm policy flush'] })
      await teach(strongSwan, words, ends, certificates)
      const agent = await up(policyOf(words, ends, certificates))
      frames.write(join(certificates.folder, 'before.pcap'))
      try {
        if (initiator === 'theirs') {
          await strongSwan.vici.ask('initiate', { child: 'lab', timeout: '10000', loglevel: '-1' })
        }
        const pings = 25 * seconds
        const pinging = { words: ['ping', '-q', '-c', String(pings), '-i', '0.02', '-W', '2', ends.peer] }
        const end = join(root, 'test', 'live', 'traffic-end.ts')
        const flowing = { words: [process.execPath, end, 'flow', ends.own, ends.peer, String(PORT), String(seconds)] }
        const patience = 3 * seconds + 60
        const [{ output }, flow] = await Promise.all([room.run(pinging, '', patience), room.run(flowing, '', patience)])
        const got = Number(/(\d+) received/.exec(output)?.[1])
        assert.ok(got >= pings - 1, `${output}\n${agent.said()}\n${await strongSwan.log()}`)
        // Of ESP in UDP over IPv6 later pieces show no port, so the guard has to drop them (docs/firewall.md).
        const large = form === 'udp' && family === 6 ? [] : [4000, 20_000]
        const sizes = [0, 56, 1400, ...large, ...Array(20).fill(500)]
        assert.equal(await guest.ask({ do: 'ping', to: ends.own, sizes, patience: 5 }), '')
        assert.equal(flow.status, 0, `${flow.fault}\n${agent.said()}`)
        const { isSame, bytes, stall } = JSON.parse(flow.output)
        assert.ok(isSame && bytes > 100_000, flow.output)
        const { associations, warnings } = await agent.status()
        assert.deepEqual(warnings, [])
        assert.deepEqual([...new Set(associations.map(({ encapsulation }) => encapsulation))], [form])
        const file = join(certificates.folder, 'wire.pcap')
        frames.write(file)
        const { totals, classes, findings } = await audit(file, agent.file)
        assert.equal(totals['leaked'], 0, JSON.stringify(findings))
        assert.equal(classes['unicast'], 0, JSON.stringify(classes))
        const sealed = totals['protected']!
        assert.ok(sealed > 2 * got, JSON.stringify(totals))
        console.log(`# ${bytes} octets each way, ${sealed} sealed packets, longest stall ${stall.toFixed(2)} s`)
        assert.deepEqual(await guest.refusals(), {})
      } finally {
        await agent.down()
      }
    })
  }
})
