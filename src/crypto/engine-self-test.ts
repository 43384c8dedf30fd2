// What an engine has to get right at start before it is trusted with packets: one published answer for each algorithm and
// key size that it says it supports, and a wrong tag refused. A library of another release that answers otherwise is
// found here and not by the peer.
import { type CipherAlgorithm, type CipherName, findCipher } from './ciphers.ts'
import { findIntegrity, type IntegrityName } from './integrity.ts'
import { isEqual } from './octets.ts'
import {
  type AeadBurst,
  allocateMemory,
  BURST_AAD,
  BURST_STRIDE,
  type Memory,
  type PacketEngine,
} from './packet-engine.ts'

interface AeadAnswer {
  readonly name: CipherName
  /** Salt and IV. */
  readonly nonce: string
  readonly key: string
  readonly aad: string
  readonly text: string
  readonly sealed: string
  readonly icv: string
}

interface CipherAnswer {
  readonly name: CipherName
  readonly key: string
  /** CTR: the first counter block. */
  readonly iv: string
  readonly text: string
  readonly sealed: string
}

interface MacAnswer {
  readonly name: IntegrityName
  readonly key: string
  readonly text: string
  readonly mac: string
}

const longText = '45000028a4ad4000400678800a01038f0a010612802306b8cb712602dd6bb03e501016d075680001'

const aeadAnswers: readonly AeadAnswer[] = [
  // draft-mcgrew-gcm-test-01.
  {
    name: 'aes-gcm',
    key: '7d773d00c144c525ac619d18c84a3f47',
    nonce: 'd966426743457e9182443bc6',
    aad: '335467aeffffffff',
    text: '01020201',
    sealed: '437f866b',
    icv: 'cb3f699fe9b0822bac961c4504bef270',
  },
  {
    name: 'aes-gcm',
    key: 'feffe9928665731c6d6a8f9467308308feffe9928665731c',
    nonce: 'cafebabefacedbaddecaf888',
    aad: '0000a5f80000000a',
    text: longText,
    sealed: 'a5b1f8066029aea40e598b8122de02420938b3ab33f828e687b8858b5bfbdbd0315b27452144cc77',
    icv: '95457b9652037f5318027b5b4cd7a636',
  },
  {
    name: 'aes-gcm',
    key: 'abbccddef00112233445566778899aababbccddef00112233445566778899aab',
    nonce: '73616c74616e640169766563',
    aad: '17405e67156f3126dd0db99b',
    text: '45080028732c00004006e9f90a0106120a01038f06b88023dd6bafbecb71260250101f646d540001',
    sealed: 'f2d69ecdbd5a0d5b8d5ef38bad4da58d1f278fde98ef67549d524a3018d9a57ff4d3a31ce673119e',
    icv: '451626c2415771e3b7eebca614c89b35',
  },
  // The same three packets under CCM, as the Linux kernel's tests of RFC 4309 have them.
  {
    name: 'aes-ccm',
    key: '7d773d00c144c525ac619d18c84a3f47',
    nonce: 'd9664243457e9182443bc6',
    aad: '335467aeffffffff',
    text: '01020201',
    sealed: '4c726330',
    icv: '2fe656ddd0d8609d8bef8590f7612462',
  },
  {
    name: 'aes-ccm',
    key: 'feffe9928665731c6d6a8f9467308308feffe9928665731c',
    nonce: 'cafebafacedbaddecaf888',
    aad: '0000a5f80000000a',
    text: longText,
    sealed: '052215d152568504a85c5d6d7e6ef5faea163750f3df843b2f321857342a8c2367df6d357b540dfb',
    icv: '34a59f6c48301e22feb12217178ab95b',
  },
  {
    name: 'aes-ccm',
    key: 'abbccddef00112233445566778899aababbccddef00112233445566778899aab',
    nonce: '73616c616e640169766563',
    aad: '17405e67156f3126dd0db99b',
    text: '45080028732c00004006e9f90a0106120a01038f06b88023dd6bafbecb71260250101f646d540001',
    sealed: 'cc74b7d3b03850422c6487461e341005296bbb36e969ad9282a1106aeb0fdc7d08baf391caaa61da',
    icv: '62f414615c9db5a7eed7b97e87999b7d',
  },
  // Wycheproof, chacha20_poly1305_test, case 7.
  {
    name: 'chacha20-poly1305',
    key: 'c8833dce5ea9f248aa2030eacfe72bffe69a620caf793344e5718fe0d7ab1a58',
    nonce: '61546ba5f1720590b6040ac6',
    aad: '88364fc8060518bf',
    text: 'ddf2',
    sealed: 'b60d',
    icv: 'ead0fd4697ec2e5558237719d02437a2',
  },
]

const singleBlock = '53696e676c6520626c6f636b206d7367'

const cipherAnswers: readonly CipherAnswer[] = [
  // RFC 3602 §4, case 1; RFC 3686 §6, cases 1, 4 and 7.
  {
    name: 'aes-cbc',
    key: '06a9214036b8a15b512e03d534120006',
    iv: '3dafba429d9eb430b422da802c9fac41',
    text: singleBlock,
    sealed: 'e353779c1079aeb82708942dbe77181a',
  },
  {
    name: 'aes-ctr',
    key: 'ae6852f8121067cc4bf7a5765577f39e',
    iv: '00000030000000000000000000000001',
    text: singleBlock,
    sealed: 'e4095d4fb7a7b3792d6175a3261311b8',
  },
  {
    name: 'aes-ctr',
    key: '16af5b145fc9f579c175f93e3bfb0eed863d06ccfdb78515',
    iv: '0000004836733c147d6d93cb00000001',
    text: singleBlock,
    sealed: '4b55384fe259c9c84e7935a003cbe928',
  },
  {
    name: 'aes-ctr',
    key: '776beff2851db06f4c8a0542c8696f6c6a81af1eec96b4d37fc1d689e6c1c104',
    iv: '00000060db5672c97aa8f0b200000001',
    text: singleBlock,
    sealed: '145ad01dbf824ec7560863dc71e3e0c0',
  },
  {
    name: '3des-cbc',
    key: '37ae5ebf46dff2dc0754b94f31cbb3855e7fd36dc870bfae',
    iv: '3d1de3cc132e3b65',
    text: '84401f78fe6c10876d8ea23094ea5309',
    sealed: '7b1f7c7e3b1c948ebd04a75ffba7d2f5',
  },
  {
    name: 'des-cbc',
    key: '0001020304050607',
    iv: '0000000000000000',
    text: '41ad068548809d02',
    sealed: '0011223344556677',
  },
]

/** "what do ya want for nothing?" under the key "Jefe": RFC 2202 and RFC 4231, case 2 of each. */
const jefe = { key: '4a656665', text: '7768617420646f2079612077616e7420666f72206e6f7468696e673f' } as const

const macAnswers: readonly MacAnswer[] = [
  { name: 'hmac-md5', ...jefe, mac: '750c783e6ab0b503eaa86e310a5db738' },
  { name: 'hmac-sha1', ...jefe, mac: 'effcdf6ae5eb2fa2d27416d5f184df9c259a7c79' },
  {
    name: 'hmac-sha2-256',
    ...jefe,
    mac: '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  },
  {
    name: 'hmac-sha2-384',
    ...jefe,
    mac: 'af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649',
  },
  {
    name: 'hmac-sha2-512',
    ...jefe,
    mac: '164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737',
  },
]

/** The places of an answer in the memory it is worked out in. */
const NONCE = 0
const AAD = 16
const TEXT = 64
const ICV = 128
/** And of each packet of a burst. */
const BURST_ROOM = 96
const BURST_ICV = 64

/** Why an engine must not be used; undefined where every answer is right. */
export function failedSelfTest(engine: PacketEngine): string | undefined {
  const memory = allocateMemory(3 * BURST_ROOM)
  try {
    const failed =
      aeadAnswers.find(answer => !isAeadRight(engine, answer, memory)) ??
      cipherAnswers.find(answer => !isCipherRight(engine, answer, memory)) ??
      macAnswers.find(answer => !isMacRight(engine, answer, memory))
    return failed && `its answer for ${failed.name} with a key of ${failed.key.length * 4} bits is wrong`
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function isAeadRight(engine: PacketEngine, answer: AeadAnswer, memory: Memory): boolean {
  const key = fromHex(answer.key)
  const algorithm = findCipher(answer.name, key.length, 16)!
  if (!engine.supports(algorithm)) return true
  const length = answer.text.length / 2
  const aadLength = answer.aad.length / 2
  const { bytes } = memory
  bytes.set(fromHex(answer.nonce), NONCE)
  bytes.set(fromHex(answer.aad), AAD)
  bytes.set(fromHex(answer.text), TEXT)
  const sealer = engine.aeadSealer(algorithm, key)
  sealer.seal(memory, NONCE, AAD, aadLength, memory, TEXT, TEXT, length, ICV)
  sealer.close()
  const isSealed = holds(memory, TEXT, answer.sealed) && holds(memory, ICV, answer.icv)
  const opener = engine.aeadOpener(algorithm, key)
  const open = () => opener.open(memory, NONCE, AAD, aadLength, memory, TEXT, TEXT, length, ICV)
  const isOpened = open() && holds(memory, TEXT, answer.text)
  bytes.set(fromHex(answer.sealed), TEXT)
  bytes[ICV + 15]! ^= 1
  const isRefused = !open() && !holds(memory, TEXT, answer.text)
  opener.close()
  return isSealed && isOpened && isRefused && isBurstRight(engine, algorithm, key, answer, memory)
}

/** Three times the same packet in one call, the second with a wrong tag when they are opened. */
function isBurstRight(
  engine: PacketEngine,
  algorithm: CipherAlgorithm,
  key: Uint8Array,
  answer: AeadAnswer,
  memory: Memory,
): boolean {
  const sealer = engine.aeadSealer(algorithm, key)
  const opener = engine.aeadOpener(algorithm, key)
  const length = answer.text.length / 2
  const { bytes } = memory
  const places = [0, 1, 2].map(index => index * BURST_ROOM)
  const run = (burst: AeadBurst) => {
    burst.begin(places.length)
    for (const [index, place] of places.entries()) {
      burst.side.bytes.set(fromHex(answer.nonce), index * BURST_STRIDE)
      burst.side.bytes.set(fromHex(answer.aad), index * BURST_STRIDE + BURST_AAD)
      burst.add(index, answer.aad.length / 2, memory, place, place, length, place + BURST_ICV)
    }
    burst.run(places.length)
  }
  const all = (text: string) => places.every(place => holds(memory, place, text))
  try {
    if (sealer.burst === undefined || opener.burst === undefined) return true
    const { burst } = opener
    for (const place of places) bytes.set(fromHex(answer.text), place)
    run(sealer.burst)
    const isSealed = all(answer.sealed) && places.every(place => holds(memory, place + BURST_ICV, answer.icv))
    bytes[BURST_ROOM + BURST_ICV]! ^= 1
    run(burst)
    const isOpened = places.map((at, index) => burst.isAuthentic(index, memory, at, length, at + BURST_ICV))
    const holdsText = places.map(place => holds(memory, place, answer.text))
    return isSealed && [isOpened, holdsText].every(([first, second, third]) => first && !second && third)
  } finally {
    sealer.close()
    opener.close()
  }
}

function isCipherRight(engine: PacketEngine, answer: CipherAnswer, memory: Memory): boolean {
  const key = fromHex(answer.key)
  const algorithm = findCipher(answer.name, key.length, 0)!
  if (!engine.supports(algorithm)) return true
  const length = answer.text.length / 2
  memory.bytes.set(fromHex(answer.iv), NONCE)
  memory.bytes.set(fromHex(answer.text), TEXT)
  return (['encipher', 'decipher'] as const).every(direction => {
    const cipher = engine.cipher(algorithm, key, direction)
    cipher.apply(memory, NONCE, memory, TEXT, memory, TEXT, length)
    cipher.close()
    return holds(memory, TEXT, direction === 'encipher' ? answer.sealed : answer.text)
  })
}

function isMacRight(engine: PacketEngine, answer: MacAnswer, memory: Memory): boolean {
  const algorithm = findIntegrity(answer.name)!
  if (!engine.supports(algorithm)) return true
  const mac = engine.mac(algorithm, fromHex(answer.key))
  memory.bytes.set(fromHex(answer.text), TEXT)
  // Twice: a key that serves one packet only would be found out by the second.
  const isRight = [1, 2].every(() => {
    mac.compute(memory, TEXT, answer.text.length / 2, memory, ICV)
    return holds(memory, ICV, answer.mac)
  })
  mac.close()
  return isRight
}

function holds(memory: Memory, at: number, hex: string): boolean {
  const wanted = fromHex(hex)
  return isEqual(memory.bytes, at, wanted, 0, wanted.length)
}

function fromHex(hex: string): Uint8Array {
  return Uint8Array.fromHex(hex)
}
