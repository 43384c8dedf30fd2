// The try-out of docs/agent.md, pasted as it stands.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { whyNoAgents } from './two-agents.ts'

const root = join(import.meta.dirname, '..', '..')

function whyNot(): string | false {
  const why = whyNoAgents()
  if (why !== false) return why
  const { stdout } = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' })
  return /^dc[12]\b/m.test(stdout) ? 'skipped, because there are namespaces dc1 and dc2 here already' : false
}

test('two hosts on one machine, as the page has it', { skip: whyNot() }, context => {
  const folder = mkdtempSync(join(tmpdir(), 'sealwire-page-'))
  context.after(() => {
    for (const name of ['dc1', 'dc2']) spawnSync('ip', ['netns', 'delete', name])
    rmSync(folder, { recursive: true, force: true })
  })
  const page = readFileSync(join(root, 'docs', 'agent.md'), 'utf8')
  const script = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(block => block[1]).join('\n')
  const environment = { ...process.env, PATH: `${root}:${process.env['PATH']}` }
  const ran = spawnSync('bash', ['-e'], { input: script, cwd: folder, env: environment, encoding: 'utf8' })
  assert.equal(ran.status, 0, ran.stderr)
  assert.match(ran.stdout, / 3 received/)
  assert.match(ran.stdout, /CN=dc2\.corp\.test/)
})
