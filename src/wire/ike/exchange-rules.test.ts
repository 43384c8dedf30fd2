// The table of exchanges: its words are payloads, each form takes the messages made of its own words, and what breaks it is
// said.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exchangeForms, type Form, readWord, ruleFaults } from './exchange-rules.ts'
import { FROM_INITIATOR, RESPONSE } from './header.ts'
import { IKE_VERSION_2, type Message } from './message.ts'
import { notification } from './notify.ts'
import { exchangeTypes, payloadTypes } from './numbers.ts'
import { type Payload, type PayloadKind, payload, payloadFormats } from './v2-payloads.ts'

const nothing = new Uint8Array(0)

/** A payload by its type: only the type counts here. */
function bare(type: number): Payload {
  const [kind] = Object.entries(payloadFormats).find(([, format]) => format.type === type)!
  return kind === 'notify'
    ? notification('INITIAL_CONTACT', {})
    : ({ kind: kind as PayloadKind, critical: false } as unknown as Payload)
}

function made(words: readonly string[]): Payload[] {
  return words.map(readWord).flatMap(({ type, often }) => (often === '1' || often === '+' ? [bare(type)] : []))
}

function messageOf({ exchange, direction, encrypted }: Form, clear: readonly Payload[]): Message {
  const sealed = encrypted === undefined ? [] : [payload('encrypted', { firstInside: 0, data: nothing })]
  const header = {
    initiatorSpi: 1n,
    responderSpi: 2n,
    version: IKE_VERSION_2,
    exchange: exchangeTypes.of[exchange],
    flags: direction === 'request' ? FROM_INITIATOR : RESPONSE,
    messageId: 1,
  }
  return { header, payloads: [...clear, ...sealed] }
}

const nameOf = (form: Form) => `${form.exchange} ${form.direction}: ${form.name}`

for (const form of exchangeForms) {
  test(`${nameOf(form)}: what has to be there is enough, and vendor IDs and unknown payloads disturb nothing`, () => {
    const inside = form.encrypted && made(form.encrypted)
    assert.deepEqual(ruleFaults(messageOf(form, made(form.clear)), inside), [])
    const more: Payload[] = [
      payload('vendor-id', { id: nothing }),
      { kind: 'unknown', critical: false, type: 200, body: nothing },
    ]
    const clear = [...made(form.clear), ...(form.encrypted ? [] : more)]
    assert.deepEqual(ruleFaults(messageOf(form, clear), inside && [...inside, ...more]), [])
  })

  test(`${nameOf(form)}: a payload twice that may be there once fits no form`, () => {
    for (const word of form.encrypted ?? form.clear) {
      const { type, often } = readWord(word)
      if (often === '*' || often === '+' || word === 'N') continue
      const twice = [
        ...made(form.encrypted ?? form.clear).filter(one => one.kind !== bare(type).kind),
        bare(type),
        bare(type),
      ]
      const faults =
        form.encrypted === undefined
          ? ruleFaults(messageOf(form, twice))
          : ruleFaults(messageOf(form, made(form.clear)), twice)
      assert.deepEqual(
        faults.map(({ kind }) => kind),
        ['no-form-fits'],
        word,
      )
    }
  })
}

test('every form names its source', () => {
  for (const { source } of exchangeForms) assert.match(source, /^RFC \d+ §/)
})

const [init] = exchangeForms
const initPayloads = made(init!.clear)

test('a cookie comes first or is a fault', () => {
  const cookie = notification('COOKIE', { cookie: new Uint8Array(8) })
  assert.deepEqual(ruleFaults(messageOf(init!, [cookie, ...initPayloads])), [])
  assert.deepEqual(ruleFaults(messageOf(init!, [...initPayloads, cookie])), [{ kind: 'cookie-not-first' }])
})

test('an unknown payload that is critical is a fault, in clear and inside', () => {
  const unknown: Payload = { kind: 'unknown', critical: true, type: 200, body: nothing }
  assert.deepEqual(ruleFaults(messageOf(init!, [...initPayloads, unknown])), [{ kind: 'unknown-critical', type: 200 }])
  const informational = exchangeForms.find(({ exchange }) => exchange === 'INFORMATIONAL')!
  assert.deepEqual(ruleFaults(messageOf(informational, []), [unknown]), [{ kind: 'unknown-critical', type: 200 }])
})

test('what is missing, too much or not encrypted is said against the form that is nearest', () => {
  const why = (message: Message, inside?: readonly Payload[]) => {
    const [fault] = ruleFaults(message, inside)
    return fault?.kind === 'no-form-fits' ? `${fault.nearest.name}: ${fault.why}` : fault?.kind
  }
  const { SA, KE, AUTH } = payloadTypes.of
  assert.equal(why(messageOf(init!, [bare(SA), bare(KE)])), 'begins: no Nonce in clear')
  assert.equal(why(messageOf(init!, [...initPayloads, bare(AUTH)])), 'begins: AUTH in clear')
  const auth = exchangeForms.find(({ exchange }) => exchange === 'IKE_AUTH')!
  const inClear = messageOf({ ...auth, encrypted: undefined }, made(auth.encrypted!))
  assert.match(why(inClear)!, /is not encrypted/)
})

test('an encrypted payload inside an encrypted one is a fault, and so is an exchange that is not in the table', () => {
  const informational = exchangeForms.find(({ exchange }) => exchange === 'INFORMATIONAL')!
  const inside = [payload('encrypted', { firstInside: 0, data: nothing })]
  assert.equal(ruleFaults(messageOf(informational, []), inside)[0]?.kind, 'encrypted-inside-encrypted')
  const { header, payloads } = messageOf(init!, initPayloads)
  const unknown = { header: { ...header, exchange: 99 }, payloads }
  assert.deepEqual(ruleFaults(unknown), [{ kind: 'unknown-exchange' }])
})
