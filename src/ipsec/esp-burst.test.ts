// Packets that are sealed and opened in one go come out as those that are done one by one, by every engine; of what is
// forged among them nothing can be read, and its neighbours do not suffer.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../base/random.ts'
import { ciphers } from '../crypto/ciphers.ts'
import { counterIvs } from '../crypto/iv-source.ts'
import { PacketCrypto, tryEngine } from '../crypto/packet-crypto.ts'
import { allocateMemory, type EngineName, type Memory } from '../crypto/packet-engine.ts'
import { EspBurst, type EspOpener } from '../crypto/packet-protection.ts'
import { type EspSuite, espHeaderBytes, espIcvBytes, keyMaterialBytes, splitKeyMaterial } from '../crypto/suites.ts'
import { OpenedEsp, openAll, readOpened, sealAll } from './esp.ts'

const ROOM = 200
const HIGH = 0x01020304

for (const name of ['node', 'openssl', 'ipsec-mb'] satisfies EngineName[]) {
  const engine = tryEngine(name)
  const skip = typeof engine === 'string' ? `skipped, because ${engine}` : false
  for (const extendedSequence of [false, true]) {
    test(`${name} does many as it does one, ${extendedSequence ? 64 : 32}-bit sequence numbers`, { skip }, () => {
      assert.ok(typeof engine === 'object')
      const gcm = ciphers.filter(cipher => cipher.name === 'aes-gcm' && engine.supports(cipher))
      for (const cipher of gcm) {
        const suite: EspSuite = { protocol: 'esp', cipher }
        const crypto = new PacketCrypto([engine])
        const keys = () => {
          const material = new Uint8Array(keyMaterialBytes(suite))
          seededRandom(9).fill(material)
          return splitKeyMaterial(suite, material)
        }
        const sealing = () => crypto.sealer(suite, keys(), { extendedSequence, ivs: counterIvs() })
        const [together, apart] = [sealing(), sealing()]
        const opener = crypto.opener(suite, keys(), { extendedSequence })
        for (const count of [1, 2, 43, 64]) compare(suite, together, apart, opener, count)
        for (const one of [together, apart, opener]) one.close()
      }
      assert.ok(gcm.length > 0)
    })
  }
}

function compare(
  suite: EspSuite,
  together: Parameters<typeof sealAll>[1],
  apart: Parameters<typeof sealAll>[1],
  opener: EspOpener,
  count: number,
): void {
  const [header, icv] = [espHeaderBytes(suite), espIcvBytes(suite)]
  const [many, one] = [allocateMemory(64 * ROOM), allocateMemory(64 * ROOM)]
  const burst = new EspBurst()
  seededRandom(count).fill(one.bytes)
  for (let index = 0; index < count; index++) {
    const [at, length] = [index * ROOM + 3, 4 * (1 + (index % 30))]
    burst.put(at, length, HIGH + index)
    // No padding, and TCP behind it.
    one.bytes.set([0, 6], at + header + length - 2)
  }
  many.bytes.set(one.bytes)
  const clear = one.bytes.slice()
  sealAll(many, together, burst)
  for (let index = 0; index < count; index++) {
    const at = burst.at[index]!
    apart.seal(one, at, at + header, burst.lengths[index]!, burst.highs[index]!)
    burst.lengths[index]! += header + icv
  }
  assert.deepEqual(many.bytes, one.bytes)
  const forged = count >> 1
  many.bytes[burst.at[forged]! + burst.lengths[forged]! - 1]! ^= 1
  const sealed = many.bytes.slice()
  openAll(many, opener, burst)
  const opened = new OpenedEsp()
  for (let index = 0; index < count; index++) {
    const fault = readOpened(many, opener, burst, index, opened)
    const content = (memory: Memory | Uint8Array) => {
      const bytes = memory instanceof Uint8Array ? memory : memory.bytes
      return bytes.slice(burst.at[index]! + header, burst.at[index]! + burst.lengths[index]! - icv)
    }
    assert.equal(fault, index === forged ? 'not-authentic' : undefined)
    if (index === forged) {
      const found = content(many)
      assert.ok(found.every(octet => octet === 0) || found.toHex() === content(sealed).toHex())
    } else {
      assert.deepEqual(content(many), content(clear))
      assert.deepEqual([opened.length, opened.nextHeader], [content(clear).length - 2, 6])
    }
  }
}
