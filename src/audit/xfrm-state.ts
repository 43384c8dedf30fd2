// What `ip xfrm state` prints on a Linux host with its keys: the associations of the kernel, as an administrator of such
// a host has them. Both directions stand in it.
import { type Address, parseAddress } from '../base/address.ts'
import { failure, type Result, success } from '../base/result.ts'
import { Secret } from '../base/secret.ts'
import { ciphers, findCipher } from '../crypto/ciphers.ts'
import { integrityAlgorithms } from '../crypto/integrity.ts'
import type { Suite } from '../crypto/suites.ts'
import { kernelCiphers, kernelMacs } from '../policy/kernel-names.ts'
import { type KeysRead, type KnownKey, keyProblem } from './known-key.ts'

/** Names of ours by the kernel's, which writes the empty cipher in two ways. */
const ciphersOfKernel = new Map([...turned(kernelCiphers), ['cipher_null', 'null']])
const integritiesOfKernel = new Map(turned(kernelMacs))

function turned(names: Readonly<Record<string, string>>): readonly (readonly [string, string])[] {
  return Object.entries(names).map(([ours, kernels]) => [kernels, ours])
}

interface Algorithm {
  readonly name: string
  readonly key: Uint8Array
  /** Of the check value, where the line states it. */
  readonly bits?: number
}

interface Block {
  readonly line: number
  readonly source: Address
  readonly destination: Address
  protocol?: string
  spi?: number
  extendedSequence: boolean
  cipher?: Algorithm
  combined?: Algorithm
  integrity?: Algorithm
}

/** `where` names the file. */
export function readXfrmState(text: string, where: string): KeysRead {
  const blocks: Block[] = []
  const problems = []
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const block = blocks.at(-1)
    const head = /^src (\S+) dst (\S+)/.exec(line)
    if (head !== null) {
      const source = parseAddress(head[1]!)
      const destination = parseAddress(head[2]!)
      if (source !== undefined && destination !== undefined) {
        blocks.push({ line: index + 1, source, destination, extendedSequence: false })
      } else problems.push(keyProblem('warning', `${where}:${index + 1}`, 'no two addresses'))
    } else if (block !== undefined) addLine(block, line)
  }
  const keys: KnownKey[] = []
  for (const block of blocks) {
    const key = keyOf(block)
    if (key.ok) keys.push(key.value)
    else problems.push(keyProblem('warning', `${where}:${block.line}`, `${key.error}: its packets are not opened`))
  }
  return { keys, problems }
}

function addLine(block: Block, line: string): void {
  const protocol = /^\s+proto (\S+) spi (0x[0-9a-f]+)/.exec(line)
  if (protocol !== null) {
    block.protocol = protocol[1]!
    block.spi = Number(protocol[2]!)
  }
  if (/\bflag\b.*\besn\b/.test(line)) block.extendedSequence = true
  const algorithm = /^\s+(aead|enc|auth|auth-trunc) (\S+) (0x[0-9a-f]*)?(?: (\d+))?/.exec(line)
  if (algorithm === null) return
  const [, kind, name, digits = '0x', bits] = algorithm
  const isWhole = digits.length % 2 === 0
  const key = isWhole ? Uint8Array.fromHex(digits.slice(2)) : new Uint8Array(0)
  const read = { name: name!, key, ...(bits === undefined ? {} : { bits: Number(bits) }) }
  if (kind === 'enc') block.cipher = read
  else if (kind === 'aead') block.combined = read
  else if (block.integrity === undefined || kind === 'auth-trunc') block.integrity = read
}

function keyOf(block: Block): Result<KnownKey, string> {
  const { source, destination, spi, extendedSequence, cipher, combined, integrity } = block
  if (spi === undefined || (block.protocol !== 'esp' && block.protocol !== 'ah')) return failure('neither ESP nor AH')
  const suite = suiteOf(block)
  if (!suite.ok) return suite
  const material = combined ?? cipher
  const keys = {
    cipher: new Secret(block.protocol === 'ah' ? new Uint8Array(0) : (material?.key ?? new Uint8Array(0))),
    integrity: new Secret(integrity?.key ?? new Uint8Array(0)),
  }
  return success({ spi, source, destination, suite: suite.value, keys, extendedSequence })
}

function suiteOf({ protocol, cipher, combined, integrity }: Block): Result<Suite, string> {
  const checking = integrity === undefined ? undefined : integrityOf(integrity)
  if (typeof checking === 'string') return failure(checking)
  if (protocol === 'ah')
    return checking === undefined ? failure('AH without a key') : success({ protocol, integrity: checking })
  const named = combined ?? cipher
  const name = named === undefined ? 'null' : ciphersOfKernel.get(named.name)
  if (name === undefined) return failure(`the cipher ${named!.name} is not known here`)
  const icvBytes = combined === undefined ? 0 : (combined.bits ?? 128) / 8
  const length = named?.key.length ?? 0
  const row =
    name === 'null'
      ? findCipher('null', 0, 0)
      : ciphers.find(one => one.name === name && one.icvBytes === icvBytes && one.keyBytes + one.saltBytes === length)
  if (row === undefined) return failure(`a key of ${length} octets does not fit ${named!.name}`)
  if (row.icvBytes > 0) return success({ protocol: 'esp', cipher: row })
  if (checking === undefined) return failure('without a check value nothing is proved')
  return success({ protocol: 'esp', cipher: row, integrity: checking })
}

function integrityOf({ name, key, bits }: Algorithm) {
  const known = integritiesOfKernel.get(name)
  const row = integrityAlgorithms.find(one => one.name === known)
  if (row === undefined) return `the integrity algorithm ${name} is not known here`
  if (row.keyBytes !== key.length) return `a key of ${key.length} octets does not fit ${name}`
  const isWhole = bits === undefined || bits / 8 === row.icvBytes
  return isWhole ? row : `${name} cut to ${bits} bits is not known here`
}
