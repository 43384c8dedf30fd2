// The keys, hashes and IVs of IKEv1 against published answers: NIST's CAVS files for pre-shared keys and signatures, and what
// RUB-NDS computed for handshakes that it recorded. Each test says how many cases it ran.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Secret } from '../../src/base/secret.ts'
import { findCipher } from '../../src/crypto/ciphers.ts'
import {
  baseKeyOfSharedKey,
  baseKeyOfSignatures,
  child1KeyMaterial,
  firstIv,
  ike1KeysOf,
  responderHash,
} from '../../src/crypto/ike1-keys.ts'
import { type Ike1Suite, ike1Hashes, ike1SuiteOf } from '../../src/crypto/ike1-suites.ts'
import { type Fields, hex, vectorText, whyNoVectors } from './read-vectors.ts'

const skip = whyNoVectors
const secret = (text: string) => new Secret(hex(text))

function suiteOfHash(name: string): Ike1Suite {
  return ike1SuiteOf(ike1Hashes.find(row => row.name === name)!, findCipher('3des-cbc', 24, 0)!)!
}

interface KdfCase {
  readonly suite: Ike1Suite
  readonly fields: Fields
}

/** Headings in brackets set the hash of the cases below them. */
function cavsCases(file: string): readonly KdfCase[] {
  const cases: { suite: Ike1Suite; fields: Record<string, string> }[] = []
  let suite = suiteOfHash('sha1')
  for (const line of vectorText(file).split(/\r?\n/)) {
    const hash = /^\[SHA-(\d+)\]/.exec(line)?.[1]
    if (hash !== undefined) suite = suiteOfHash(hash === '1' ? 'sha1' : `sha2-${hash}`)
    if (line.startsWith('COUNT')) cases.push({ suite, fields: {} })
    const [, name, value] = /^(\S.*?) = ([0-9a-f]+)$/.exec(line) ?? []
    if (name !== undefined && cases.length > 0) cases.at(-1)!.fields[name] = value!
  }
  return cases
}

for (const [file, kind] of [
  ['ike-kdf/nist-cavs-ikev1_psk.fax', 'pre-shared keys'],
  ['ike-kdf/nist-cavs-ikev1_dsa.fax', 'signatures'],
] as const) {
  test(`NIST's keys of IKEv1 with ${kind} come out: SKEYID and the three that are made of it`, { skip }, t => {
    const cases = cavsCases(file)
    for (const { suite, fields } of cases) {
      const get = (name: string) => fields[name]!
      const nonces = { initiator: hex(get('Ni')), responder: hex(get('Nr')) }
      const cookies = { initiator: hex(get('CKY_I')), responder: hex(get('CKY_R')) }
      const shared = secret(get('g^xy'))
      const base =
        kind === 'signatures'
          ? baseKeyOfSignatures(suite, shared, nonces)
          : baseKeyOfSharedKey(suite, secret(get('pre-shared-key')), nonces)
      const keys = ike1KeysOf(suite, base, shared, cookies)
      assert.equal(keys.base.reveal().toHex(), get('SKEYID'))
      assert.equal(keys.derivation.reveal().toHex(), get('SKEYID_d'))
      assert.equal(keys.authentication.reveal().toHex(), get('SKEYID_a'))
      // SKEYID_e is only seen by its cipher: what of it fits one is its key.
      const cipher = keys.cipher.reveal().toHex()
      if (get('SKEYID_e').length >= cipher.length) assert.ok(get('SKEYID_e').startsWith(cipher))
    }
    t.diagnostic(`${cases.length} cases`)
    assert.ok(cases.length > 100)
  })
}

const recorded = join(import.meta.dirname, '../../../shared/testdata/ike-recorded/rub-nds')

interface Step {
  readonly step?: string
  readonly suite?: string
  readonly expect?: string
  readonly hex?: readonly string[] | string
  readonly text?: readonly string[]
}

function recordedTests(file: string): readonly { readonly test: string; readonly steps: readonly Step[] }[] {
  return JSON.parse(readFileSync(join(recorded, file), 'utf8')).tests
}

/** Values by the name of the setter or getter; later ones of one name do not count. */
function valuesOf(steps: readonly Step[]): (name: string) => string {
  return name => {
    const step = steps.find(each => each.step === name || each.expect === name)
    const value = step?.text === undefined ? step?.hex : Buffer.from(step.text[0]!).toString('hex')
    const found = typeof value === 'string' ? value : value?.[0]
    assert.ok(found !== undefined, name)
    return found
  }
}

const aes128 = ike1SuiteOf(ike1Hashes.find(({ name }) => name === 'sha1')!, findCipher('aes-cbc', 16, 0)!)!
const noRecords = existsSync(recorded) ? false : 'skipped, because ../shared is not here'

test('what RUB-NDS computed comes out: keys, the first IV, that of an exchange, and HASH_R', { skip: noRecords }, t => {
  let count = 0
  for (const { steps } of recordedTests('IKEv1HandshakeSessionSecretsTest.json')) {
    if (!steps.some(({ expect }) => expect === 'instance.getHASH_R()')) continue
    const get = valuesOf(steps)
    const nonces = { initiator: hex(get('setInitiatorNonce')), responder: hex(get('setResponderNonce')) }
    const cookies = { initiator: hex(get('setInitiatorCookie')), responder: hex(get('setResponderCookie')) }
    const values = { initiator: hex(get('setKeyExchangeData')), responder: hex(get('setPeerKeyExchangeData')) }
    const base = baseKeyOfSharedKey(aes128, secret(get('setPreSharedKey')), nonces)
    const keys = ike1KeysOf(aes128, base, secret(get('setDHSecret')), cookies)
    assert.equal(base.reveal().toHex(), get('instance.getSKEYID()'))
    assert.equal(keys.derivation.reveal().toHex(), get('instance.getSKEYID_d()'))
    assert.equal(keys.authentication.reveal().toHex(), get('instance.getSKEYID_a()'))
    assert.equal(keys.cipher.reveal().toHex(), get('instance.getKa()'))
    const iv = firstIv(aes128, values)
    assert.equal(iv.toHex(), get('instance.getIV(new byte[]{0x00, 0x00, 0x00, 0x00})'))
    const association = hex(get('setSAOfferBody'))
    const identity = hex(get('setPeerIdentificationPayloadBody'))
    const parts = { cookies, values, association, identity }
    assert.equal(responderHash(aes128.prf, base, parts).toHex(), get('instance.getHASH_R()'))
    count++
  }
  t.diagnostic(`${count} handshakes`)
  assert.equal(count, 2)
})

test('the keys of a quick mode that RUB-NDS computed come out, in both directions', { skip: noRecords }, () => {
  const { steps } = recordedTests('IKEv1HandshakeSessionSecretsTest.json').find(
    each => each.test === 'testComputeKeyMaterial',
  )!
  const [first, second] = [valuesOf(steps), valuesOf(steps.toReversed())]
  const nonces = (get: typeof first) => ({
    initiator: hex(get('setInitiatorNonce')),
    responder: hex(get('setResponderNonce')),
  })
  const cookies = { initiator: hex(first('setInitiatorCookie')), responder: hex(first('setResponderCookie')) }
  const base = baseKeyOfSharedKey(aes128, secret(first('setPreSharedKey')), nonces(first))
  const keys = ike1KeysOf(aes128, base, secret(first('setDHSecret')), cookies)
  assert.equal(keys.cipher.reveal().toHex(), first('instance.getKa()'))
  const wanted = [first('b'), second('b')]
  const made = ['setOutboundSpi', 'setInboundSpi'].map(name =>
    child1KeyMaterial(aes128.prf, keys.derivation, undefined, nonces(second), 'esp', hex(first(name)), 36)
      .reveal()
      .toHex(),
  )
  assert.deepEqual(made, wanted)
})
