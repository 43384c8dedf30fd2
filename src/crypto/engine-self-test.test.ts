// The self-test at start finds an engine that answers wrongly, whatever is wrong with it; and every engine of this machine
// gives the published answers.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeEngine } from './engine-node.ts'
import { failedSelfTest } from './engine-self-test.ts'
import { PacketCrypto, tryEngine } from './packet-crypto.ts'
import type { EngineName, PacketEngine } from './packet-engine.ts'
import { allocateMemory, Memory } from './packet-engine.ts'
import { splitKeyMaterial, suiteOf, wipeKeys } from './suites.ts'

const node = nodeEngine()

for (const name of ['node', 'openssl', 'ipsec-mb'] satisfies EngineName[]) {
  const engine = tryEngine(name)
  const skip = typeof engine === 'string' ? `skipped, because ${engine}` : false
  test(`${name} gives the published answers and says what it is`, { skip }, () => {
    assert.ok(typeof engine === 'object')
    assert.equal(failedSelfTest(engine), undefined)
    assert.match(engine.description, /\d+\.\d+/)
  })

  test(`${name} works on any memory: an ordinary array, a part of one, and WebAssembly's`, { skip }, () => {
    const suite = suiteOf({ protocol: 'esp', cipher: 'aes-gcm', keyBits: 128, icvBits: 128 })!
    assert.ok(suite.protocol === 'esp')
    const crypto = new PacketCrypto([engine as PacketEngine])
    const keys = splitKeyMaterial(suite, new Uint8Array(20).fill(9))
    const sealer = crypto.sealer(suite, keys, { extendedSequence: false })
    const opener = crypto.opener(suite, keys, { extendedSequence: false })
    wipeKeys(keys)
    const wasm = new (
      globalThis as unknown as { WebAssembly: { Memory: new (pages: object) => { buffer: ArrayBuffer } } }
    ).WebAssembly.Memory({ initial: 1, maximum: 1 })
    for (const bytes of [new Uint8Array(48), new Uint8Array(500).subarray(13, 100), new Uint8Array(wasm.buffer)]) {
      const memory = new Memory(bytes)
      bytes.set([1, 2, 3, 4], 16)
      sealer.seal(memory, 0, 16, 4, 0)
      assert.notDeepEqual([...bytes.subarray(16, 20)], [1, 2, 3, 4])
      assert.ok(opener.open(memory, 0, 36, 16, 0))
      assert.deepEqual([...bytes.subarray(16, 20)], [1, 2, 3, 4])
    }
    sealer.close()
    opener.close()
  })
}

test('an engine that enciphers otherwise, accepts a wrong tag, or serves one packet only is found out', () => {
  const broken: Readonly<Record<string, Partial<PacketEngine>>> = {
    'a wrong tag': {
      aeadSealer: (algorithm, key) => {
        const right = node.aeadSealer(algorithm, key)
        return {
          seal: (...all) => {
            right.seal(...all)
            const [, , , , memory, , , , icv] = all
            memory.bytes[icv]! ^= 1
          },
          close() {},
        }
      },
    },
    'a tag that is never compared': {
      aeadOpener: (algorithm, key) => {
        const right = node.aeadOpener(algorithm, key)
        return {
          open: (...all) => {
            right.open(...all)
            return true
          },
          close() {},
        }
      },
    },
    'another key for 256 bits': {
      aeadSealer: (algorithm, key) => node.aeadSealer(algorithm, key.length === 32 ? key.toReversed() : key),
    },
    'a cipher that does nothing': { cipher: () => ({ apply() {}, close() {} }) },
    'a MAC that works once': {
      mac: (algorithm, key) => {
        let right = node.mac(algorithm, key)
        return {
          resultBytes: right.resultBytes,
          compute: (...all) => {
            right.compute(...all)
            right = node.mac(algorithm, key.toReversed())
          },
          close() {},
        }
      },
    },
  }
  assert.equal(failedSelfTest(node), undefined)
  for (const [what, parts] of Object.entries(broken)) {
    assert.match(failedSelfTest({ ...node, ...parts }) ?? '', /is wrong$/, what)
  }
  const throwing = { ...node, mac: () => assert.fail('no such function') }
  assert.equal(failedSelfTest(throwing), 'no such function')
})

test('memory starts at a multiple of 64, zeroed', () => {
  for (const size of [1, 64, 1000, 70_000]) {
    const memory = allocateMemory(size)
    assert.equal(memory.bytes.length, size)
    assert.equal(memory.address % 64, 0)
    assert.ok(memory.bytes.every(octet => octet === 0))
  }
})
