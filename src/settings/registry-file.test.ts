// The store on disk: whole changes, backups before each, two writers, watching, files that somebody damaged.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { failure, success } from '../base/result.ts'
import { systemClock } from '../base/time.ts'
import { emptyRegistry, type RegistryChange, valueAt } from './registry.ts'
import { RegistryFile, type RegistryPlace } from './registry-file.ts'
import { dwordValue, numberOf } from './value.ts'

const key = 'HKLM\\SYSTEM\\CurrentControlSet\\Services\\IPSEC'
const name = 'NoDefaultExempt'

function set(number: number): readonly RegistryChange[] {
  return [{ kind: 'set', key, value: dwordValue(name, number) }]
}

/** A folder that is gone afterwards, with a lock among those who share it. */
function place(context: TestContext): RegistryPlace {
  const folder = mkdtempSync(join(tmpdir(), 'sealwire-registry-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  const held = new Set<string>()
  const lock = (path: string) => {
    if (held.has(path)) return undefined
    held.add(path)
    return { release: () => void held.delete(path) }
  }
  return { folder: join(folder, 'deeper'), lock, clock: systemClock, date: () => 1_795_455_367 }
}

function exemptOf(file: RegistryFile): number | undefined {
  const read = file.read()
  assert.ok(read.ok)
  const value = valueAt(read.value, key, name)
  return value && numberOf(value)
}

test('what was changed is there for whoever opens it next, and a registry that nobody wrote has no keys', async context => {
  const at = place(context)
  assert.deepEqual(new RegistryFile(at).read(), success(emptyRegistry))
  assert.deepEqual(new RegistryFile(at).backups(), [])
  const changed = await new RegistryFile(at).change(() => success(set(1)))
  assert.ok(changed.ok)
  assert.equal(exemptOf(new RegistryFile(at)), 1)
  assert.deepEqual(readdirSync(at.folder).toSorted(), ['registry-backups', 'registry.reg'])
})

test('before every change stands a backup, and any of them can be gone back to, and back from', async context => {
  const file = new RegistryFile(place(context))
  for (const number of [0, 1, 3]) await file.change(() => success(set(number)))
  assert.deepEqual(
    file.backups().map(({ number, kind }) => [number, kind]),
    [
      [3, 'automatic'],
      [2, 'automatic'],
      [1, 'automatic'],
    ],
  )
  assert.equal(file.backups()[0]!.at, 1_795_455_367)
  await file.restore(2)
  assert.equal(exemptOf(file), 0)
  await file.restore(4)
  assert.equal(exemptOf(file), 3)
  await file.restore(1)
  assert.equal(exemptOf(file), undefined)
  assert.equal((await file.restore(77)).ok, false)
})

test('a change that changes nothing writes nothing, and one that is refused neither', async context => {
  const file = new RegistryFile(place(context))
  await file.change(() => success(set(1)))
  const before = readFileSync(file.path)
  const same = await file.change(() => success(set(1)))
  assert.ok(same.ok && same.value.backup === undefined)
  const problem = { severity: 'error' as const, where: 'a', what: 'b', hint: '' }
  assert.deepEqual(await file.change(() => failure([problem])), failure([problem]))
  assert.deepEqual(readFileSync(file.path), before)
  assert.equal(file.backups().length, 1)
})

test('backups that nobody asked for are kept in number, those that somebody asked for are all kept', async context => {
  const keep = 20
  const file = new RegistryFile({ ...place(context), keep })
  const asked = await file.backup()
  assert.ok(asked.ok)
  for (let number = 0; number < keep + 5; number++) await file.change(() => success(set(number)))
  const kept = file.backups()
  assert.equal(kept.filter(({ kind }) => kind === 'automatic').length, keep)
  assert.equal(kept.at(-1)!.number, asked.value.number)
})

test('two writers at a time wait for each other, and neither loses what the other wrote', async context => {
  const at = place(context)
  const files = [new RegistryFile(at), new RegistryFile(at)]
  await Promise.all(
    Array.from({ length: 40 }, (_, index) =>
      files[index % 2]!.change(() => success([{ kind: 'set', key, value: dwordValue(`v${index}`, index) }])),
    ),
  )
  const read = files[0]!.read()
  assert.ok(read.ok)
  for (let index = 0; index < 40; index++) assert.equal(numberOf(valueAt(read.value, key, `v${index}`)!), index)
})

test('a file that was cut is refused whole, no change is made on top of it, and a backup takes its place', async context => {
  const file = new RegistryFile(place(context))
  await file.change(() => success(set(1)))
  const half = readFileSync(file.path).subarray(0, -12)
  writeFileSync(file.path, half)
  assert.equal(file.read().ok, false)
  assert.equal((await file.change(() => success(set(3)))).ok, false)
  assert.deepEqual(readFileSync(file.path), half)
  assert.equal((await file.restore(1)).ok, true)
  assert.equal(exemptOf(file), undefined)
  assert.deepEqual(readFileSync(`${file.path}.damaged`), half)
  await file.change(() => success(set(2)))
  assert.equal(exemptOf(file), 2)
})

test('who watches hears of a change of somebody else within moments, also when the folder comes later, and not of its own reading', async context => {
  const at = place(context)
  const mine = new RegistryFile(at)
  mine.read()
  let heard = 0
  const watching = mine.watch(() => heard++)
  const theirs = new RegistryFile(at)
  await theirs.change(() => success(set(1)))
  const until = async (count: number) => {
    for (let tries = 0; heard < count && tries < 600; tries++) await new Promise(resolve => setTimeout(resolve, 10))
    assert.equal(heard, count)
  }
  await until(1)
  await theirs.change(() => success(set(2)))
  await until(2)
  await theirs.change(() => success(set(3)))
  assert.equal(exemptOf(mine), 3)
  await new Promise(resolve => setTimeout(resolve, 300))
  assert.equal(heard, 2)
  watching.stop()
  assert.ok(existsSync(mine.path))
})
