// A policy file under its watcher's eyes: every way of writing it is seen, once it is whole, and nothing else is.
import assert from 'node:assert/strict'
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { keytabOf } from '../../test/kerberos-realm.ts'
import { parseAddress } from '../base/address.ts'
import { systemClock } from '../base/time.ts'
import { FilePolicySource } from './policy-source.ts'

const text = (name: string, more = '') =>
  `name: ${name}\nrules:\n  - name: all\n    filters: [{ source: me, destination: any }]\n    action: block\n${more}`

function watched(context: TestContext, file = 'policy.yaml') {
  const folder = mkdtempSync(join(tmpdir(), 'sealwire-policy-'))
  const path = join(folder, file)
  const source = new FilePolicySource(path, systemClock, () => 1_800_000_000)
  const names: string[] = []
  const begin = () => {
    const watch = source.watch(() => {
      const loaded = source.load()
      names.push(loaded.ok ? loaded.value.policy.name : 'refused')
    })
    context.after(() => watch.stop())
  }
  context.after(() => rmSync(folder, { recursive: true }))
  /** Answers what was read since, at the latest after three seconds. */
  const next = async (count = 1) => {
    for (let tries = 0; names.length < count && tries < 60; tries++)
      await new Promise(resolve => setTimeout(resolve, 50))
    return names.splice(0)
  }
  return { folder, path, source, names, begin, next }
}

test('a file that is written in place, replaced by renaming, or gone for a moment is read once it is whole', async context => {
  const { path, source, begin, next } = watched(context)
  writeFileSync(path, text('first'))
  assert.ok(source.load().ok)
  begin()
  writeFileSync(path, text('second'))
  assert.deepEqual(await next(), ['second'])
  writeFileSync(`${path}.tmp`, text('third'))
  renameSync(`${path}.tmp`, path)
  assert.deepEqual(await next(), ['third'])
  unlinkSync(path)
  writeFileSync(path, text('fourth'))
  assert.deepEqual(await next(), ['fourth'])
})

test('a file that grows for a while is read once, at its end', async context => {
  const { path, source, begin, next } = watched(context)
  writeFileSync(path, text('first'))
  assert.ok(source.load().ok)
  begin()
  writeFileSync(path, '')
  for (const line of text('whole').split('\n')) {
    appendFileSync(path, `${line}\n`)
    await new Promise(resolve => setTimeout(resolve, 60))
  }
  assert.deepEqual(await next(), ['whole'])
})

test('a link that is swapped, as Kubernetes does it, is a change', async context => {
  const { folder, path, source, begin, next } = watched(context)
  for (const version of ['one', 'two']) {
    mkdirSync(join(folder, version))
    writeFileSync(join(folder, version, 'policy.yaml'), text(version))
  }
  symlinkSync('one', join(folder, '..data'))
  symlinkSync('..data/policy.yaml', path)
  assert.ok(source.load().ok)
  begin()
  symlinkSync('two', join(folder, '..data_tmp'))
  renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
  assert.deepEqual(await next(), ['two'])
})

test('other files of the folder are nobody’s matter', async context => {
  const { folder, path, source, names, begin } = watched(context)
  writeFileSync(path, text('first'))
  assert.ok(source.load().ok)
  begin()
  writeFileSync(join(folder, 'other.yaml'), 'a')
  await new Promise(resolve => setTimeout(resolve, 600))
  assert.deepEqual(names, [])
})

test('a file that the policy names is a part of it: every problem with one is told', context => {
  const { folder, path, source } = watched(context)
  const rule =
    '  - name: b\n    filters: [{ source: me, destination: 10.0.0.2, mirrored: true }]\n    action: negotiate\n'
  const authentication = '    authentication: [{ certificate: { ca: ca.pem, own: own.pem, key: own.key } }]\n'
  writeFileSync(path, text('first', rule + authentication))
  const loaded = source.load()
  assert.ok(!loaded.ok)
  for (const file of ['ca.pem', 'own.pem', 'own.key']) {
    assert.ok(
      loaded.error.some(({ where }) => where.includes(file)),
      file,
    )
  }
  writeFileSync(join(folder, 'ca.pem'), 'no certificate')
  utimesSync(join(folder, 'ca.pem'), 1, 1)
  assert.ok(!source.load().ok)
})

test('a ticket that the policy keeps from being fetched is a warning, but not at the key center itself', context => {
  const { folder, path } = watched(context)
  const words = ['10.0.0.1', '10.0.0.2'].map(address => parseAddress(address)!)
  writeFileSync(join(folder, 'keytab'), keytabOf('host/dc1@R', 1, new Uint8Array(32)), { mode: 0o600 })
  const rule =
    '  - name: b\n    filters: [{ source: 10.0.0.1, destination: 10.0.0.2 }]\n    action: negotiate\n' +
    '    authentication: [{ kerberos: { kdc: [10.0.0.2], keytab: keytab } }]\n'
  writeFileSync(path, `name: k\nrules:\n${rule}`)
  for (const [own, count] of [
    [words[0]!, 1],
    [words[1]!, 0],
  ] as const) {
    const loaded = new FilePolicySource(
      path,
      systemClock,
      () => 1_800_000_000,
      () => [own],
    ).load()
    assert.ok(loaded.ok)
    assert.equal(loaded.value.warnings.filter(({ what }) => what.includes('ticket')).length, count)
  }
})
