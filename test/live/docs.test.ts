// The try-outs of docs/agent.md and docs/kerberos.md, pasted as they stand.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { whyNoRealm } from '../kerberos-realm.ts'
import { whyNoAgents } from './two-agents.ts'

const root = join(import.meta.dirname, '..', '..')

function whyNot(): string | false {
  const why = whyNoAgents()
  if (why !== false) return why
  const { stdout } = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' })
  return /^dc[12]\b/m.test(stdout) ? 'skipped, because there are namespaces dc1 and dc2 here already' : false
}

/** What a person sees who pastes the page. */
function pasted(context: TestContext, name: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'sealwire-page-'))
  context.after(() => {
    const center = join(folder, 'try', 'krb5kdc.pid')
    // Where the script did not come as far as ending it.
    if (existsSync(center)) spawnSync('kill', [readFileSync(center, 'utf8').trim()])
    for (const name of ['dc1', 'dc2']) spawnSync('ip', ['netns', 'delete', name])
    rmSync(folder, { recursive: true, force: true })
  })
  const page = readFileSync(join(root, 'docs', name), 'utf8')
  const script = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(block => block[1]).join('\n')
  const environment = { ...process.env, PATH: `${root}:${process.env['PATH']}` }
  const ran = spawnSync('bash', ['-e'], { input: script, cwd: folder, env: environment, encoding: 'utf8' })
  assert.equal(ran.status, 0, ran.stderr)
  return ran.stdout
}

test('two hosts on one machine, as the page has it', { skip: whyNot() }, context => {
  const said = pasted(context, 'agent.md')
  assert.match(said, / 3 received/)
  assert.match(said, /CN=dc2\.corp\.test/)
})

test('two hosts of a realm, as the page has it', { skip: whyNot() || whyNoRealm() }, context => {
  const said = pasted(context, 'kerberos.md')
  assert.match(said, / 3 received/)
  assert.match(said, /host\/dc2\.corp\.test@CORP\.TEST/)
})
