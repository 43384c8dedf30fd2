// Exchanges that the lab has recorded (record.ts), for machines that have none: our keys, envelopes and proofs are those of
// strongSwan's log, and tshark opens with the same keys what we opened.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { CaptureParser } from '../../../src/wire/capture-file.ts'
import { type Judged, judgeExchange, type LoggedSecrets } from './exchange-truth.ts'
import { ikeOf } from './lab-exchanges.ts'

const folder = join(import.meta.dirname, 'recorded')
const secrets = JSON.parse(readFileSync(join(folder, 'secrets.json'), 'utf8')) as Readonly<
  Record<string, LoggedSecrets & { readonly psk?: string }>
>
const noTshark = spawnSync('tshark', ['--version']).status === 0 ? false : 'skipped, because tshark is not installed'

function datagramsOf(name: string): readonly Uint8Array[] {
  const found: Uint8Array[] = []
  const bytes = new Uint8Array(readFileSync(join(folder, `${name}.pcapng`)))
  const parser = new CaptureParser({
    frame: (buffer, start, end) => void found.push(...ikeOf(buffer.slice(start, end))),
  })
  parser.finish(bytes.length - parser.push(bytes, new DataView(bytes.buffer), bytes.length))
  return found
}

function judge(name: string): Judged {
  const { psk, ...logged } = secrets[name]!
  return judgeExchange({ datagrams: datagramsOf(name), secrets: logged, ...(psk === undefined ? {} : { psk }) })
}

/** Wireshark's names of what it can decrypt. */
const wiresharkCiphers: Readonly<Record<string, string>> = {
  'psk-aes-cbc-x25519': '"AES-CBC-256 [RFC3602]","HMAC_SHA2_256_128 [RFC4868]"',
  'psk-3des-sha1-modp1024': '"3DES [RFC2451]","HMAC_SHA1_96 [RFC2404]"',
  'psk-aes-ccm-modp1536': '"AES-CCM-128 with 16 octet ICV [RFC5282]","NONE [RFC4306]"',
  'rsa-gcm-ecp256': '"AES-GCM-128 with 16 octet ICV [RFC5282]","NONE [RFC4306]"',
  'rsa-pss-fragments': '"AES-GCM-256 with 16 octet ICV [RFC5282]","NONE [RFC4306]"',
  ed25519: '"AES-GCM-256 with 16 octet ICV [RFC5282]","NONE [RFC4306]"',
}

describe('what strongSwan sent and logged is what our codecs, keys and proofs make of it', () => {
  for (const name of readdirSync(folder).filter(file => file.endsWith('.pcapng'))) {
    const exchange = name.slice(0, -'.pcapng'.length)
    test(exchange, () => {
      const { messages, proofs } = judge(exchange)
      // IKE_AUTH and the deletion.
      assert.equal(messages.length, 4)
      const proof = { psk: /^shared key$/, rsa: /^rsa-/, ecdsa: /^ecdsa-/, ed25519: /^ed25519$/ }
      const [wanted] = Object.entries(proof)
        .find(([start]) => exchange.startsWith(start))!
        .slice(1)
      assert.match(proofs.initiator, wanted as RegExp)
      assert.match(proofs.responder, wanted as RegExp)
    })
  }
})

describe('tshark opens the same payloads with the same keys', { skip: noTshark }, () => {
  for (const [name, words] of Object.entries(wiresharkCiphers)) {
    test(name, () => {
      const [first] = datagramsOf(name).slice(-1)
      const spis = [first!.subarray(0, 8), first!.subarray(8, 16)].map(spi => spi.toHex())
      const { ei, er, ai, ar } = secrets[name]!
      const [cipher, integrity] = words.split(/(?<="),/)
      const table = [...spis, ei, er, cipher, ai, ar, integrity].join(',')
      const capture = join(folder, `${name}.pcapng`)
      const options = [
        '-o',
        `uat:ikev2_decryption_table:${table}`,
        '-Y',
        'isakmp',
        '-T',
        'fields',
        '-e',
        'isakmp.typepayload',
      ]
      const lines = execFileSync('tshark', ['-r', capture, ...options], { encoding: 'utf8', stdio: 'pipe' }).split('\n')
      const theirs = lines.map(line => line.split(',').map(Number))
      const AUTHENTICATION = 39
      assert.equal(theirs.filter(types => types.includes(AUTHENTICATION)).length, 2)
      const DELETION = 42
      assert.equal(theirs.filter(types => types.includes(DELETION)).length, 1)
    })
  }
})
