// What a machine boots with: the files, the rules in a real kernel before there is a network, and what is done about
// files that are broken.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { buildPacket } from '../../test/build-packets.ts'
import { checkRuleset } from '../dataplane/guard/nft.ts'
import { guardRuleset } from '../dataplane/guard/ruleset.ts'
import { guardedHost, setNumber, whyNoGuard } from '../dataplane/guard/test-guarded-host.ts'
import { Arena } from '../native/arena.ts'
import { Destination } from '../native/destination.ts'
import { insideNamespace } from '../native/namespaces.ts'
import { PacketCapture } from '../native/packet-capture.ts'
import { findLink, openRouting } from '../native/routing.ts'
import { address, ip } from '../native/test-namespaces.ts'
import { UdpSender } from '../native/udp-sender.ts'
import { openUdpSocket } from '../native/udp-socket.ts'
import { compile } from '../policy/compile.ts'
import { policy, rule } from '../policy/test-policies.ts'
import { decodeIp } from '../wire/decode.ts'
import { Packet } from '../wire/packet.ts'
import { bootState, installBoot, keepForBoot, removeBoot } from './boot.ts'
import { type BootExemption, bootModes, bootRuleset } from './boot-ruleset.ts'
import { agentUnit, bootPlaces, bootScript, guardUnit } from './boot-units.ts'
import { readBootExemption, readBootMode } from './boot-words.ts'

const skip = whyNoGuard()
const choice = {
  mode: 'block',
  exemptions: [],
  program: '/opt/sealwire/sealwire',
  policy: '/etc/sealwire/policy.yaml',
} as const

function folder(context: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'sealwire-boot-'))
  context.after(() => rmSync(path, { recursive: true }))
  return path
}

function exemption(text: string): BootExemption {
  const read = readBootExemption(text)
  assert.ok(read.ok, JSON.stringify(read))
  return read.value
}

test('installing writes everything below the root, again without harm, and removing leaves nothing of it', context => {
  const root = folder(context)
  for (let time = 0; time < 2; time++) {
    const installed = installBoot(root, { ...choice, exemptions: [exemption('tcp:0:3389:inbound')] })
    assert.ok(installed.ok)
    for (const path of installed.value) assert.ok(existsSync(join(root, path)), path)
  }
  assert.equal(readlinkSync(join(root, bootPlaces.guardLink)), '../sealwire-guard.service')
  assert.equal(statSync(join(root, bootPlaces.rules)).mode & 0o777, 0o600)
  const state = bootState(root)
  assert.ok(state.ok && state.value.isInstalled && state.value.loads === 'the boot mode')
  assert.equal(state.value.mode, 'block tcp:0:3389:inbound')
  keepForBoot(guardRuleset(compile(policy([]))), join(root, bootPlaces.lastGood))
  const kept = bootState(root)
  assert.ok(kept.ok && kept.value.loads === 'the last good policy')
  assert.ok(removeBoot(root).ok)
  const after = bootState(root)
  assert.ok(after.ok && !after.value.isInstalled && after.value.mode === undefined)
  assert.ok(existsSync(join(root, bootPlaces.lastGood)))
  assert.deepEqual(removeBoot(root), { ok: true, value: [] })
})

test('a root that is none is a problem, and nothing is written', context => {
  const root = folder(context)
  for (const wrong of [join(root, 'absent'), join(root, 'file')]) {
    writeFileSync(join(root, 'file'), '')
    const installed = installBoot(wrong, choice)
    assert.ok(!installed.ok && installed.error.hint.includes('--root'), JSON.stringify(installed))
  }
})

test('systemd finds no fault with the units', {
  skip:
    spawnSync('systemd-analyze', ['--version']).error === undefined
      ? false
      : 'skipped, because systemd-analyze is not installed',
}, context => {
  const root = folder(context)
  const [guard, agent] = [join(root, 'sealwire-guard.service'), join(root, 'sealwire.service')]
  // It asks whether programs are there: those of this machine stand in.
  writeFileSync(guard, guardUnit(true))
  writeFileSync(agent, agentUnit({ program: '/bin/true', policy: '/etc/with blank/100%.yaml' }))
  const run = spawnSync('systemd-analyze', ['verify', '--man=no', guard, agent], { encoding: 'utf8' })
  const about = run.stderr.split('\n').filter(line => line.includes('sealwire'))
  assert.deepEqual(about, [])
  assert.ok(agentUnit({ program: '/a b/c', policy: '/p%' }).includes('ExecStart="/a b/c" up --policy /p%% --state'))
  assert.ok(!guardUnit(false).includes('emergency'))
})

test('modes and exemptions that cannot be read are told with what to do', () => {
  for (const [text, expected] of [
    ['tcp:0:3389', 'has not four parts'],
    ['tcq:0:1:inbound', 'did you mean tcp?'],
    ['tcp:0:65536:inbound', 'ports are numbers'],
    ['tcp:0:-1:inbound', 'ports are numbers'],
    ['icmp:0:8:inbound', 'icmp has no ports'],
    ['0:0:8:inbound', 'any protocol has no ports'],
    ['tcp:0:22:sideways', 'write inbound or outbound'],
  ] as const) {
    const read = readBootExemption(text)
    assert.ok(
      !read.ok && `${read.error.what} ${read.error.hint}`.includes(expected),
      `${text}: ${JSON.stringify(read)}`,
    )
  }
  assert.deepEqual(readBootMode('STATEFUL'), { ok: true, value: 'stateful' })
  assert.ok(!readBootMode('open').ok)
})

function datagram(number: number, from: string, to: string): Uint8Array {
  const [[source = '', sourcePort], [destination = '', destinationPort]] = [from.split(':'), to.split(':')]
  const packet = buildPacket({
    source,
    destination,
    sourcePort: Number(sourcePort),
    destinationPort: Number(destinationPort),
  })
  setNumber(packet, number)
  return packet
}

test('each mode passes what Server 2003 passed in it', { skip }, async context => {
  const host = await guardedHost(context, 'modes')
  const exemptions = ['udp:0:3389:inbound', 'udp:0:123:outbound', '47:0:0:inbound', '0:0:0:outbound'].map(exemption)
  for (const mode of bootModes) assert.ok((await checkRuleset(bootRuleset(mode, exemptions).text)).ok, mode)
  const [me, far] = ['10.0.0.1', '10.0.0.2']
  const steps = [
    ['out', `${me}:1000`, `${far}:445`],
    ['in', `${far}:445`, `${me}:1000`],
    ['in', `${far}:1000`, `${me}:445`],
    ['in', `${far}:1001`, `${me}:3389`],
    ['out', `${me}:3389`, `${far}:1001`],
    ['out', `${me}:3389`, `${far}:1002`],
    ['out', `${me}:68`, '255.255.255.255:67'],
    ['in', `${far}:67`, `${me}:68`],
    ['out', `${me}:500`, `${far}:500`],
  ] as const
  const passing = {
    block: [false, false, false, true, true, false, true, true, false],
    stateful: [true, true, false, true, true, true, true, true, true],
    permit: steps.map(() => true),
  }
  for (const mode of bootModes) {
    await host.load(bootRuleset(mode, [exemption('udp:0:3389:inbound')]).text)
    for (const [index, [direction, from, to]] of steps.entries()) {
      // Another mode must not profit from what the kernel remembers of the one before.
      const shifted = (end: string) =>
        end.replace(/:(100\d)$/, (_, port) => `:${Number(port) + 100 * bootModes.indexOf(mode)}`)
      const packet = datagram(index + 1, shifted(from), shifted(to))
      if (direction === 'out') host.send(packet)
      else host.receive(packet)
    }
    const [out, inside] = [await host.outbound(4), await host.inbound(4)]
    const passed = steps.map(([direction], index) => (direction === 'out' ? out : inside).passed.has(index + 1))
    assert.deepEqual(passed, passing[mode], mode)
  }
})

test('the script loads the last good policy, else the boot mode, and closes where a file is broken', {
  skip,
}, async context => {
  await guardedHost(context, 'script')
  const root = folder(context)
  const good = guardRuleset(compile(policy([rule('permit', ['any me <-> 10.0.0.2'])])))
  const script = join(root, 'script')
  writeFileSync(script, bootScript(root))
  const load = () => {
    const run = spawnSync('sh', [script], { encoding: 'utf8' })
    assert.equal(run.status, 0, run.stderr)
    const listed = spawnSync('nft', ['list', 'table', 'inet', 'sealwire'], { encoding: 'utf8' }).stdout
    return { said: run.stderr, digest: /written_([0-9a-f]+)/.exec(listed)?.[1] }
  }
  const closed = bootRuleset('block', []).digest
  assert.deepEqual(
    [load().digest, /boot\.nft cannot be loaded/.test(load().said)],
    [closed, true],
    'nothing is installed',
  )
  installBoot(root, { ...choice, mode: 'permit' })
  assert.equal(load().digest, bootRuleset('permit', []).digest)
  const kept = join(root, bootPlaces.lastGood)
  keepForBoot(good, kept)
  assert.equal(load().digest, good.digest)
  for (const broken of [good.text.slice(0, 300), '\0\0\0', 'flush ruleset; nonsense']) {
    writeFileSync(kept, broken)
    const { digest, said } = load()
    assert.equal(digest, closed, 'even in mode permit')
    assert.match(said, /guard\.nft cannot be loaded: nothing passes/)
  }
  keepForBoot(good, kept)
  const firewall = join(root, bootPlaces.firewall)
  mkdirSync(join(root, 'etc/sealwire'), { recursive: true })
  writeFileSync(firewall, 'table inet nonsense {')
  assert.equal(load().digest, closed)
  rmSync(firewall)
  assert.equal(load().digest, good.digest)
  assert.equal(spawnSync('sh', [script, 'stop']).status, 0)
  assert.notEqual(spawnSync('nft', ['list', 'table', 'inet', 'sealwire']).status, 0)
})

test('from before the network on nothing leaves, and the policy takes over without a gap', { skip }, context => {
  const [left, right] = [`sealwire-${process.pid}-booting`, `sealwire-${process.pid}-watching`]
  context.after(() => {
    for (const name of [left, right]) spawnSync('ip', ['netns', 'delete', name])
  })
  for (const name of [left, right]) ip('netns', 'add', name)
  const root = folder(context)
  installBoot(root, choice)
  const script = join(root, 'script')
  writeFileSync(script, bootScript(root))
  const loaded = spawnSync('ip', ['netns', 'exec', left, 'sh', script], { encoding: 'utf8' })
  assert.equal(loaded.status, 0, loaded.stderr)
  // Now the network comes.
  ip('link', 'add', 'wire', 'netns', left, 'type', 'veth', 'peer', 'name', 'wire', 'netns', right)
  ip('-n', right, 'link', 'set', 'wire', 'up')
  const arena = new Arena(8 * 1024 * 1024)
  const netlink = insideNamespace(right, openRouting)
  const link = findLink(netlink, 'wire')!.index
  const capture = insideNamespace(
    right,
    () => new PacketCapture(arena, { link, from: 'packets', keep: 128, buffer: 1 << 24, batch: 256 }),
  )
  context.after(() => {
    capture.close()
    netlink.close()
  })
  for (const [index, name] of [left, right].entries()) {
    ip('-n', name, 'link', 'set', 'lo', 'up')
    ip('-n', name, 'link', 'set', 'wire', 'up')
    ip('-n', name, 'address', 'add', `10.99.0.${index + 1}/24`, 'dev', 'wire')
    ip('-n', name, 'address', 'add', `fd99::${index + 1}/64`, 'dev', 'wire', 'nodad')
  }
  const seen = new Map<string, number>()
  const packet = new Packet()
  const look = () => {
    for (let count = capture.fetch(); count > 0; count = capture.fetch()) {
      for (let slot = 0; slot < count; slot++) {
        if (capture.isOutgoing(slot) || ![0x0800, 0x86dd].includes(capture.protocol(slot))) continue
        const at = capture.frameAt(slot)
        decodeIp(packet, arena.bytes, at, at + capture.keptBytes(slot))
        const { protocol, destinationPort, icmpType } = packet.flow()
        const key = protocol === 58 ? `icmpv6 ${icmpType}` : `${protocol} ${destinationPort ?? ''}`.trim()
        seen.set(key, (seen.get(key) ?? 0) + 1)
      }
    }
  }
  const sockets = ['0.0.0.0', '::'].map(any => insideNamespace(left, () => openUdpSocket(address(any), 0)))
  context.after(() => sockets.map(socket => socket.close()))
  const targets = [
    { socket: 0, to: '10.99.0.2', port: 445 },
    { socket: 1, to: 'fd99::2', port: 445 },
    { socket: 0, to: '10.99.0.2', port: 123 },
  ].map(({ socket, to, port }) => ({
    sender: new UdpSender(arena, sockets[socket]!.fd),
    destination: new Destination(arena, { to: address(to), port }),
  }))
  const at = arena.take(64)
  let sent = 0
  const flood = (times: number) => {
    for (let time = 0; time < times; time++) {
      for (const { sender, destination } of targets) sender.send(destination, at, 32)
      sent += targets.length
      if (time % 50 === 0) look()
    }
    look()
  }
  flood(3000)
  // Neighbours and group memberships of IPv6 only.
  assert.deepEqual(
    [...seen.keys()].filter(key => !/^icmpv6 (13[3-7]|143)$/.test(key)),
    [],
  )
  const rules = [
    rule('negotiate', ['any me <-> 10.99.0.2', 'any me <-> fd99::2']),
    rule('permit', ['udp me <-> 10.99.0.2:123'], { name: 'time' }),
  ]
  const { text } = guardRuleset(compile(policy(rules)))
  for (let time = 0; time < 20; time++) {
    const replaced = spawnSync('ip', ['netns', 'exec', left, 'nft', '-f', '-'], { input: text, encoding: 'utf8' })
    assert.equal(replaced.status, 0, replaced.stderr)
    flood(300)
  }
  assert.ok((seen.get('17 123') ?? 0) > 1000, 'what the policy permits passes now')
  assert.equal(seen.get('17 445'), undefined)
  assert.equal(capture.lost(), 0)
  context.diagnostic(`${sent} packets sent; seen: ${[...seen].map(([key, count]) => `${count} × ${key}`).join(', ')}`)
  assert.equal(readFileSync(join(root, bootPlaces.rules), 'utf8'), bootRuleset('block', []).text)
})
