// Writers of a registry are killed at any moment: what was said to be written is there, what is there is whole, and the next
// writer goes on. Half of the kills are aimed at the moment in which the file beside is written. SEALWIRE_LONG_TESTS=1 makes
// them 500.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, watch } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openRegistry } from '../src/agent/registry-store.ts'
import { stateFolder } from '../src/agent/state-folder.ts'
import { seededRandom } from '../src/base/random.ts'
import { success } from '../src/base/result.ts'
import { keyAt, type RegistryKey, valueIn } from '../src/settings/registry.ts'
import { numberOf, stringValue, textOf } from '../src/settings/value.ts'

const kills = process.env['SEALWIRE_LONG_TESTS'] === '1' ? 500 : 40
const writer = join(import.meta.dirname, 'registry-writer.ts')

interface Writer {
  readonly name: string
  /** The last number that it said was written. */
  last: number
}

/** Lets one write until it has said some numbers, and kills it a moment later, or in the middle of its next writing. */
async function killed(state: string, of: Writer, after: number, moment: number | 'writing'): Promise<void> {
  const child = spawn(process.execPath, [writer, state, of.name, String(of.last + 1)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const closed = once(child, 'close')
  const kill = () => void child.kill('SIGKILL')
  let text = ''
  let said = 0
  const watcher = watch(join(state, 'registry'), (_, name) => {
    if (moment === 'writing' && said >= after && name === 'registry.reg.new') kill()
  })
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    text += piece
    const lines = text.split('\n')
    text = lines.pop()!
    for (const line of lines) {
      assert.match(line, /^\d+$/)
      of.last = Number(line)
      if (++said === after && moment !== 'writing') setTimeout(kill, moment)
    }
  })
  await closed
  watcher.close()
}

test(`after ${kills} killed writers, two at a time, nothing that was written is lost and nothing is half`, async context => {
  const state = mkdtempSync(join(tmpdir(), 'sealwire-crash-'))
  context.after(() => rmSync(state, { recursive: true, force: true }))
  const file = openRegistry(stateFolder(state))
  const random = seededRandom(11)
  await file.change(() => success([{ kind: 'set', key: 'HKLM\\KEPT', value: stringValue('kept', 'all along') }]))
  const writers: readonly Writer[] = [
    { name: 'one', last: 0 },
    { name: 'two', last: 0 },
  ]
  let halfWritten = 0
  for (let done = 0; done < kills; done += writers.length) {
    await Promise.all(
      writers.map(one =>
        killed(
          state,
          one,
          1 + Math.floor(3 * random.fraction()),
          random.fraction() < 0.5 ? 'writing' : 40 * random.fraction(),
        ),
      ),
    )
    const read = file.read()
    assert.ok(read.ok, JSON.stringify(read))
    assert.equal(textOf(valueIn(keyAt(read.value, 'HKLM\\KEPT')!, 'kept')!), 'all along')
    if (readdirSync(join(state, 'registry')).includes('registry.reg.new')) halfWritten++
    for (const one of writers) {
      const key: RegistryKey = keyAt(read.value, `HKLM\\SOFTWARE\\${one.name}`)!
      const number: number = numberOf(valueIn(key, 'number')!)!
      // It may have been killed between writing one more and saying so.
      assert.ok(number === one.last || number === one.last + 1, `${number} is there, ${one.last} was said`)
      const bulk = valueIn(key, 'bulk')!.data
      assert.ok(bulk.length === 40_000 && bulk.every(octet => octet === (number & 0xff)), 'the two values agree')
      one.last = number
    }
  }
  for (const backup of file.backups().slice(0, 20)) assert.ok((await file.restore(backup.number)).ok)
  context.diagnostic(
    `${halfWritten} times a half-written file lay beside; numbers up to ${writers.map(one => one.last)}`,
  )
})
