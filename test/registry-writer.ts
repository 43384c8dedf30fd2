// For the test that kills it: writes numbers into a registry one after the other, for ever, and says each once it is written.
//   registry-writer STATE NAME [FROM]
import { openRegistry } from '../src/agent/registry-store.ts'
import { stateFolder } from '../src/agent/state-folder.ts'
import { success } from '../src/base/result.ts'
import { binaryValue, dwordValue } from '../src/settings/value.ts'

const [state, name, from = '1'] = process.argv.slice(2) as [string, string, string?]
const file = openRegistry(stateFolder(state))
const key = `HKLM\\SOFTWARE\\${name}`

for (let number = Number(from); ; number++) {
  // Large enough to be written in more than one piece, and two values that have to agree.
  const bulk = new Uint8Array(40_000).fill(number & 0xff)
  const changed = await file.change(() =>
    success([
      { kind: 'set', key, value: dwordValue('number', number) },
      { kind: 'set', key, value: binaryValue('bulk', bulk) },
    ]),
  )
  if (!changed.ok) {
    console.log(JSON.stringify(changed.error))
    process.exit(1)
  }
  process.stdout.write(`${number}\n`)
}
