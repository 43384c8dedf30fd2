// What is exported means the same to those who read it: the Linux kernel takes the policies and, asked as it asks them,
// decides as ours; strongSwan loads its file and installs what it should.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Address, formatAddress, type Prefix, parsePrefix, sameAddress } from '../../src/base/address.ts'
import type { Direction, Flow } from '../../src/base/flow.ts'
import { exportLibreswan } from '../../src/export/libreswan.ts'
import { exportSwanctl } from '../../src/export/swanctl.ts'
import { exportXfrm } from '../../src/export/xfrm.ts'
import { compile } from '../../src/policy/compile.ts'
import { decide } from '../../src/policy/decide.ts'
import type { Policy } from '../../src/policy/model.ts'
import { readPolicyText } from '../../src/policy/policy-text.ts'
import { address, randomFlow, randomPolicy, seeded } from '../../src/policy/test-policies.ts'
import { LabRoom, whyNoRoom } from './ike/lab-room.ts'
import { type RoomStrongSwan, startStrongSwan, whyNoStrongSwan } from './ike/strongswan.ts'

const skipRoom = whyNoRoom() === '' ? false : whyNoRoom()
const noStrongSwan = whyNoRoom() || whyNoStrongSwan()

interface KernelPolicy {
  readonly source: Prefix
  readonly destination: Prefix
  readonly protocol?: number
  readonly sourcePort?: number
  readonly destinationPort?: number
  readonly type?: number
  readonly direction: string
  readonly priority: number
  readonly action: 'permit' | 'block' | 'negotiate'
}

const names: Readonly<Record<string, number>> = {
  tcp: 6,
  udp: 17,
  icmp: 1,
  'ipv6-icmp': 58,
  gre: 47,
  esp: 50,
  rsvp: 46,
  hopopt: 0,
  ip: 0,
}

/** What `ip xfrm policy` prints. */
function kernelPolicies(text: string): readonly KernelPolicy[] {
  return text.split(/^(?=src )/m).flatMap(block => {
    const [, source, destination, rest = ''] = /^src (\S+) dst (\S+)(.*)/.exec(block) ?? []
    const [, direction, priority] = /dir (\w+)(?: action block)? priority (\d+)/.exec(block) ?? []
    if (direction === undefined || (direction !== 'in' && direction !== 'out')) return []
    const number = (word: string) => {
      const found = new RegExp(`\\b${word} (\\d+)`).exec(rest)
      return found === null ? undefined : Number(found[1])
    }
    const protocol = /\bproto (\S+)/.exec(rest)?.[1]
    const known = protocol === undefined ? undefined : (names[protocol] ?? Number(protocol))
    const [sourcePort, destinationPort, type] = [number('sport'), number('dport'), number('type')]
    return {
      source: parsePrefix(source!)!,
      destination: parsePrefix(destination!)!,
      ...(known === undefined ? {} : { protocol: known }),
      ...(sourcePort === undefined ? {} : { sourcePort }),
      ...(destinationPort === undefined ? {} : { destinationPort }),
      ...(type === undefined ? {} : { type }),
      direction,
      priority: Number(priority),
      action: /action block/.test(block) ? 'block' : /\btmpl\b/.test(block) ? 'negotiate' : 'permit',
    }
  })
}

function inPrefix({ address: first, length }: Prefix, one: Address): boolean {
  if (first.family !== one.family) return false
  return first.words.every((word, index) => {
    const bits = Math.min(32, Math.max(0, length - 32 * index))
    const mask = bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0
    return (word & mask) >>> 0 === (one.words[index]! & mask) >>> 0
  })
}

/** The kernel asks the policy with the lowest priority that matches; without one the packet passes. */
function kernelDecides(policies: readonly KernelPolicy[], flow: Flow, direction: Direction): string {
  const matching = policies.filter(
    policy =>
      policy.direction === direction &&
      inPrefix(policy.source, flow.source) &&
      inPrefix(policy.destination, flow.destination) &&
      (policy.protocol === undefined || policy.protocol === flow.protocol) &&
      (policy.sourcePort === undefined || policy.sourcePort === flow.sourcePort) &&
      (policy.destinationPort === undefined || policy.destinationPort === flow.destinationPort) &&
      (policy.type === undefined || policy.type === flow.icmpType),
  )
  return matching.toSorted((a, b) => a.priority - b.priority)[0]?.action ?? 'permit'
}

test('the kernel takes the exported policies of random policies, and asked as it asks them decides as ours', {
  skip: skipRoom,
}, async context => {
  const room = new LabRoom()
  context.after(() => room.close())
  const draw = seeded(77)
  const me = [address('10.0.0.1'), address('fd00::1')]
  let compared = 0
  let written = 0
  while (written < 40) {
    const policy = randomPolicy(draw)
    if (policy.profile === 'windows-server-2003' || policy.profile === 'windows-vista') continue
    // Tunnels are asked before all others, and here lead nowhere.
    const plain = { ...policy, rules: policy.rules.map(rule => ({ ...rule, mode: 'transport' as const })) }
    const { text, losses } = exportXfrm(plain, { me, secrets: 'leave-out' })
    if (losses.some(({ what }) => /filter is left out$/.test(what) || /its packets are not secured/.test(what)))
      continue
    written++
    await room.must(undefined, 'ip xfrm policy flush')
    await room.must(undefined, 'ip -batch -', text)
    const kernel = kernelPolicies(await room.must(undefined, 'ip xfrm policy'))
    const compiled = compile(plain, { me })
    for (let flows = 0; flows < 300; flows++) {
      const drawn = randomFlow(draw, plain)
      const own = me.find(one => one.family === drawn.source.family)!
      const direction: Direction = draw() < 0.5 ? 'out' : 'in'
      const flow = direction === 'out' ? { ...drawn, source: own } : { ...drawn, destination: own }
      // Links tell what a broadcast is; IKE has sockets of its own in the kernel's eyes; pieces have no ports there.
      const { because, action } = decide(compiled, flow, direction)
      const isPiece = (flow.protocol === 6 || flow.protocol === 17) && flow.sourcePort === undefined
      const isIke = because.kind === 'exemption' && because.exemption === 'ike'
      // Port 0 stands for any in the kernel, which the export says.
      if (flow.sourcePort === 0 || flow.destinationPort === 0) continue
      if (isPiece || isIke || flow.linkBroadcast === true || sameAddress(flow.source, flow.destination)) continue
      compared++
      assert.equal(
        kernelDecides(kernel, flow, direction),
        action,
        `${formatAddress(flow.source)} ${formatAddress(flow.destination)} ${JSON.stringify(flow)} ${direction}\n${text}`,
      )
    }
  }
  assert.ok(compared > 5000, `${compared} flows`)
  context.diagnostic(`${compared} flows of ${written} policies`)
})

const pair = `
name: Two hosts
profile: windows-2000-sp1
networks: [10.54.9.0/24]
rules:
  - name: "All, but: the web"
    filters: [{ source: 10.54.9.1, destination: 10.54.9.2 }]
    action: negotiate
    security: [esp-aes256gcm16, esp-aes128-sha256, ah-sha256]
    authentication: [{ preSharedKey: { secret: 'a "secret" word', identity: a.corp.test, peer: [b.corp.test] } }]
    freshKeys: true
    keyExchange: ecp256
    lifetime: { seconds: 900, kilobytes: 4096 }
    encapsulation: raw
  - name: Web
    filters: [{ source: 10.54.9.1, destination: 10.54.9.2, protocol: tcp, destinationPort: 80 }]
    action: permit
  - name: Telnet
    filters: [{ source: me, destination: any, protocol: tcp, destinationPort: 23 }]
    action: block
  - name: Kerberos only
    filters: [{ source: 10.54.9.1, destination: 10.54.9.7 }]
    action: negotiate
    authentication: [kerberos]
`

function read(text: string): Policy {
  const result = readPolicyText(text, 'pair.yaml')
  assert.ok(result.ok, JSON.stringify(result))
  return result.value.policy
}

test('strongSwan loads what is exported for it and installs policies of every kind', {
  skip: noStrongSwan === '' ? false : noStrongSwan,
}, async context => {
  const room = new LabRoom()
  let strongSwan: RoomStrongSwan | undefined
  context.after(async () => {
    strongSwan?.vici.close()
    await room.close()
  })
  await room.must(undefined, 'ip link add lab0 type veth peer name lab1')
  await room.must(undefined, 'ip address add 10.54.9.1/24 dev lab0')
  await room.must(undefined, 'ip link set lab0 up')
  await room.must(undefined, 'ip link set lab1 up')
  strongSwan = await startStrongSwan({ room, name: 'swan', esp: 'kernel' })
  const { text, losses } = exportSwanctl(read(pair), { me: [address('10.54.9.1')], secrets: 'write' })
  assert.deepEqual(
    losses.map(({ where }) => where),
    ['rule “Kerberos only”', 'rule “Kerberos only”'],
  )
  const file = join(room.folder, 'swanctl.conf')
  writeFileSync(file, text)
  const loaded = await room.run({ words: ['swanctl', '--load-all', '--file', file, '--uri', strongSwan.uri] })
  assert.equal(loaded.status, 0, loaded.output + loaded.fault)
  assert.match(loaded.output, /loaded connection 'all-but-the-web'/)
  assert.match(loaded.output, /loaded ike secret 'ike-all-but-the-web'/)
  const kernel = kernelPolicies(await room.must(undefined, 'ip xfrm policy'))
  const asked = (text: string, port: number) => {
    const flow: Flow = {
      source: address('10.54.9.1'),
      destination: address(text),
      protocol: 6,
      sourcePort: 40000,
      destinationPort: port,
    }
    return kernelDecides(kernel, flow, 'out')
  }
  assert.deepEqual(
    [
      asked('10.54.9.2', 445),
      asked('10.54.9.2', 80),
      asked('10.54.9.2', 23),
      asked('10.54.9.2', 88),
      asked('10.54.9.3', 23),
      asked('10.54.9.3', 445),
    ],
    // Of telnet to the peer the filter between two hosts is the more specific one.
    ['negotiate', 'permit', 'negotiate', 'permit', 'block', 'permit'],
  )
})

test("Libreswan's text keeps secrets in a file of their own, and leaves them out unless asked", () => {
  const own = exportLibreswan(read(pair), { me: [address('10.54.9.1')], secrets: 'write' })
  assert.match(
    own.text,
    /conn all-but-the-web\n(\t.*\n)*\tauthby=secret\n\tleftid="@a.corp.test"\n\trightid="@b.corp.test"/,
  )
  assert.match(own.text, /esp=aes_gcm256-dh19,aes128-sha2_256-dh19/)
  assert.ok(!own.text.includes('secret" word'))
  assert.match(own.secrets!, /^@a\.corp\.test @b\.corp\.test : PSK /)
  const without = exportLibreswan(read(pair), { me: [], secrets: 'leave-out' })
  assert.match(without.secrets!, /left out/)
})

test('every form lists what it cannot say', () => {
  const policy = read(`
name: Much
profile: windows-server-2003
defaultResponse: true
rules:
  - name: Soft
    filters: [{ source: me, destination: any, protocol: udp, destinationPort: 1000-2000 }]
    action: negotiate
    security: [ah-sha1+esp-3des-sha1]
    keying: [ikev1]
    authentication: [kerberos, { certificate: { ca: ca.pem, own: a.pem, key: a.key } }]
    acceptUnsecuredInbound: true
    fallBackToClear: true
`)
  const options = { me: [address('10.0.0.1')], secrets: 'leave-out' } as const
  const words = (losses: readonly { what: string }[]) => losses.map(({ what }) => what).join('\n')
  for (const [form, text] of [
    ['swanctl', words(exportSwanctl(policy, options).losses)],
    ['libreswan', words(exportLibreswan(policy, options).losses)],
    ['xfrm', words(exportXfrm(policy, options).losses)],
  ] as const) {
    assert.match(text, /default response/, form)
    assert.match(text, form === 'xfrm' ? /filter is left out/ : /not secured by this text/, form)
    if (form !== 'xfrm') assert.match(text, /clear packets that arrive are not accepted/, form)
  }
})

test('a range is written as the fewest prefixes', {
  skip: spawnSync('ip', ['-V']).error === undefined ? false : 'skipped, because ip is not installed',
}, () => {
  const policy = read(`
name: Range
rules:
  - name: R
    filters: [{ source: 10.0.0.1, destination: 10.0.0.3-10.0.0.8 }]
    action: block
`)
  const { text } = exportXfrm(policy, { me: [address('10.0.0.1')], secrets: 'leave-out' })
  const found = [...text.matchAll(/dst (\S+) dir out priority 10/g)].map(match => match[1])
  assert.deepEqual(found, ['10.0.0.3/32', '10.0.0.4/30', '10.0.0.8/32'])
})
