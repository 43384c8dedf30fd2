// The KB's own step on running agents: NoDefaultExempt is added to the registry, and Kerberos is sealed from then on. Nothing
// is lost on the way, and nothing that the setting secures stands on the wire in clear once the command has answered.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { audit, captureWire, type LiveHost, twoAgents, whyNoAgents } from './two-agents.ts'

const skip = whyNoAgents()
const IPSEC = String.raw`HKLM\SYSTEM\CurrentControlSet\Services\IPSEC`
const NAME = 'NoDefaultExempt'

/** Numbered datagrams to port 88, one every two milliseconds, until it is killed; says how many went. */
const sender = `
const socket = require('node:dgram').createSocket('udp4')
let number = 0
const timer = setInterval(() => { const b = Buffer.alloc(64); b.writeUInt32BE(number++); socket.send(b, 88, process.argv[1]) }, 2)
process.stdin.on('data', () => { clearInterval(timer); setTimeout(() => { console.log(number); process.exit() }, 300) })
`
const receiver = `
const socket = require('node:dgram').createSocket({ type: 'udp4', recvBufferSize: 1 << 20 })
const seen = new Set()
socket.on('message', bytes => seen.add(bytes.readUInt32BE(0)))
socket.bind(88, () => console.log('ready'))
process.stdin.on('data', () => { console.log(seen.size); process.exit() })
`

function script(host: LiveHost, text: string, ...words: readonly string[]) {
  const child = spawn('ip', ['netns', 'exec', host.namespace, process.execPath, '-e', text, ...words], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let out = ''
  child.stdout.setEncoding('utf8').on('data', (piece: string) => (out += piece))
  return {
    async started() {
      while (!out.includes('ready')) await once(child.stdout, 'data')
    },
    /** The last line it says. */
    async end(): Promise<number> {
      const closed = once(child, 'close')
      child.stdin.write('end\n')
      await closed
      return Number(out.trim().split('\n').at(-1))
    },
    kill: () => void child.kill('SIGKILL'),
  }
}

async function reg(host: LiveHost, ...words: readonly string[]): Promise<string> {
  const ran = await host.sealwire('reg', ...words, '--state', host.state)
  assert.equal(ran.status, 0, ran.error + host.log())
  return ran.out
}

test('NoDefaultExempt 1 in the registry seals Kerberos at once on running agents: none is in clear afterwards, and there and back none is lost', {
  skip,
}, async context => {
  const hosts = await twoAgents(context)
  const [one, two] = hosts
  await Promise.all([one.up(), two.up()])
  assert.deepEqual((await one.status()).setting, {
    ...{ name: NAME, value: 0, from: 'default', where: null },
    exempt: (await one.status()).setting.exempt,
  })
  assert.equal(await one.ping(two.address), 3)
  const before = await captureWire(one)
  const receiving = script(two, receiver)
  await receiving.started()
  const sending = script(one, sender, two.address)
  context.after(() => [receiving, sending].forEach(one => void one.kill()))
  await new Promise(resolve => setTimeout(resolve, 500))
  const clear = await audit(await before(), one.policy)
  assert.ok((clear.classes['kerberos'] ?? 0) > 50, JSON.stringify(clear))
  assert.ok((clear.totals['exempt'] ?? 0) > 50)

  // The KB begins with a backup. The sender first: what it seals, the receiver opens, exempt there or not.
  for (const host of hosts) {
    await reg(host, 'backup')
    assert.match(
      await reg(host, 'add', IPSEC, '/v', NAME, '/t', 'REG_DWORD', '/d', '1', '/f'),
      /completed successfully/,
    )
  }
  const { setting } = await one.status()
  assert.deepEqual([setting.value, setting.from], [1, 'registry'])
  assert.match(setting.where!, /Services\\IPSEC\\NoDefaultExempt$/)
  assert.ok(!setting.exempt.some(({ name }) => name === 'kerberos'))

  const words = await one.sealwire('status', '--state', one.state)
  assert.match(words.out, /setting +NoDefaultExempt 1, from the registry: HKEY_LOCAL_MACHINE/)
  assert.match(words.out, /exempt +IKE, Multicast, Broadcast/)

  const after = await captureWire(one)
  await new Promise(resolve => setTimeout(resolve, 1000))
  const file = await after()
  const sealed = await audit(file, one.policy)
  assert.equal(sealed.classes['kerberos'] ?? 0, 0)
  assert.equal(sealed.totals['leaked'], 0)
  assert.ok((sealed.classes['esp'] ?? 0) > 100)

  // And back to the backup that was made before; now the receiver first.
  for (const host of [two, one]) {
    const [newest] = JSON.parse(await reg(host, 'backup', '--list', '--json')) as { number: number }[]
    await reg(host, 'restore', String(newest!.number))
    assert.equal((await host.status()).setting.from, 'default')
  }
  await new Promise(resolve => setTimeout(resolve, 500))
  const sent = await sending.end()
  assert.equal(await receiving.end(), sent, `datagrams that arrived, of ${sent}`)
})

test('a change that another program makes is taken within moments, and a value of a wrong type is a warning', {
  skip,
}, async context => {
  const [one] = await twoAgents(context)
  await one.up()
  await reg(one, 'add', IPSEC, '/v', 'nodefaultexempt', '/t', 'REG_SZ', '/d', '1', '/f')
  const wrong = await one.status()
  assert.deepEqual([wrong.setting.value, wrong.setting.from], [0, 'default'])
  assert.match(wrong.warnings.join(), /NoDefaultExempt is a REG_DWORD, a whole number, not a REG_SZ/)
  await reg(one, 'add', IPSEC, '/v', 'nodefaultexempt', '/t', 'REG_DWORD', '/d', '1', '/f')
  const spelt = await one.status()
  assert.deepEqual([spelt.setting.value, spelt.setting.from], [1, 'registry'])
  assert.match(spelt.warnings.join(), /is written NoDefaultExempt/)
  // Beside the agent's back: nobody tells it, it looks.
  const file = join(one.state, 'registry', 'registry.reg')
  assert.ok(readFileSync(file).length > 0)
  const changed = one.log().split('"event":"policy-changed"').length
  rmSync(file)
  await one.wrote('policy-changed', changed)
  assert.equal((await one.status()).setting.from, 'default')
})
