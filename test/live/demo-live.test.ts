// `sealwire demo --live` as a person runs it: it tells the story, and leaves nothing, however it ends.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { missingForKerberos } from '../../src/agent/live-demo/key-center.ts'
import { audit, run, whyNoAgents } from './two-agents.ts'

const skip = whyNoAgents()
const program = join(import.meta.dirname, '..', '..', 'sealwire')

interface Told {
  readonly ok: boolean
  readonly wrongs: readonly string[]
  readonly kerberos: string
  readonly phases: readonly {
    readonly name: string
    readonly steps: readonly {
      readonly step: string
      readonly sealed: number
      readonly clear: number
      readonly worked: boolean
    }[]
    readonly kerberosReadByTshark: number | null
    readonly audit: { readonly totals: Readonly<Record<string, number>> }
  }[]
}

/** Of the demos that run meanwhile on this machine only those with that tag are looked for. */
function leftOf(tag: string): readonly string[] {
  const folders = existsSync('/run/sealwire-demo') ? readdirSync('/run/sealwire-demo') : []
  return [...folders, ...readdirSync('/run/netns')].filter(name => name.includes(tag))
}

test('two real hosts tell the story: Kerberos and RSVP in clear without the value, all sealed with it, nothing in clear without the agent', {
  skip,
  timeout: 240_000,
}, async context => {
  const folder = mkdtempSync(join(tmpdir(), 'sealwire-demo-live-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  const ran = await run(program, ['demo', '--live', '--json', '--out', folder])
  const told = JSON.parse(ran.out) as Told
  assert.deepEqual(told.wrongs, [], ran.error)
  assert.equal(ran.status, 0)
  assert.deepEqual(
    told.phases.map(({ name }) => name),
    ['absent', 'no-default-exempt-1', 'firewall', 'killed', 'back'],
  )
  assert.equal(told.kerberos, missingForKerberos().length === 0 ? 'kdc' : 'recorded')
  const clear = told.phases.map(({ steps }) =>
    steps.filter(step => step.clear > 0 && !['broadcast', 'multicast'].includes(step.step)).map(({ step }) => step),
  )
  assert.deepEqual(clear, [['Kerberos, UDP', 'Kerberos, TCP', 'RSVP'], [], [], [], []])
  const killed = told.phases[3]!
  assert.deepEqual(
    killed.steps.filter(({ worked }) => worked).map(({ step }) => step),
    ['broadcast', 'multicast'],
  )
  // The command that a person looks with finds the same in the files.
  for (const { name, audit: own } of told.phases) {
    const { totals } = await audit(join(folder, `${name}.pcap`), join(folder, `${name}.yaml`))
    assert.equal(totals['leaked'], 0)
    assert.equal(totals['protected'], own.totals['protected'])
  }
  if (told.phases[0]!.kerberosReadByTshark === null) return
  // What was captured is what a wire carries: no packet of 64 KiB, and every checksum computed.
  const protocols = ['ip', 'udp', 'tcp']
  const checks = protocols.flatMap(name => ['-o', `${name}.check_checksum:TRUE`])
  const strange = ['frame.len>1514', ...protocols.map(name => `${name}.checksum.status==0`)].join('||')
  for (const { name } of told.phases) {
    const found = await run('tshark', ['-n', '-r', join(folder, `${name}.pcap`), ...checks, '-Y', strange])
    assert.equal(found.out, '', name)
  }
})

async function planned(child: ChildProcess): Promise<string> {
  const started = new Set(globSync('/run/sealwire-demo/*/lock'))
  for (let turn = 0; turn < 600; turn++) {
    await new Promise(resolve => setTimeout(resolve, 50))
    assert.equal(child.exitCode, null, 'it ended before it began')
    for (const lock of globSync('/run/sealwire-demo/*/dc1-state/agent.json')) {
      const name = lock.split('/')[3]!
      if (!started.has(`/run/sealwire-demo/${name}/lock`)) return name
    }
  }
  throw new Error('no agent came up')
}

test('a live demo that is interrupted removes all that it made, and what a killed one left is removed by the next', {
  skip,
  timeout: 120_000,
}, async () => {
  const start = () => spawn(program, ['demo', '--live'], { stdio: 'ignore' })
  const ended = (child: ChildProcess) => new Promise(resolve => child.once('exit', resolve))
  const killed = start()
  const [left] = await Promise.all([planned(killed)])
  killed.kill('SIGKILL')
  await ended(killed)
  assert.equal(leftOf(left).length, 4, 'a folder and three namespaces')
  const interrupted = start()
  const own = await planned(interrupted)
  assert.deepEqual(leftOf(left), [])
  const end = ended(interrupted)
  interrupted.kill('SIGINT')
  assert.equal(await end, 3)
  assert.deepEqual(leftOf(own), [])
})
