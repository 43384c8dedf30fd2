// `sealwire cert request`: a host's key with a request for a CA, or with its certificate where the CA is at hand.
import { orderRequest } from '../../agent/certificates/certificate-tool.ts'
import { unixSeconds } from '../../base/time.ts'
import { CertInput, certOptions, daysOption, tellMade } from '../cert-options.ts'
import { type CommandInput, type CommandSpec, jsonOption, WRONG_INPUT } from '../command.ts'
import type { Console } from '../console.ts'

const USUAL_DAYS = 365

export const certRequest: CommandSpec = {
  name: 'cert request',
  summary: "make a host's key and a request for its certificate, signed at once where --ca is given",
  description:
    'Writes NAME.key, which only you may read, and NAME.csr (PKCS #10) for a CA to sign. With --ca the certificate NAME.pem is ' +
    'made at once and no request is written; with --p12 it is also packed with its key, for Windows and others.',
  options: [
    certOptions.name,
    certOptions.address,
    certOptions.upn,
    certOptions.subject,
    { flags: '--out <folder>', key: 'out', description: 'where the files go; left out, here', values: 'file' },
    certOptions.keyType,
    certOptions.ca,
    certOptions.caKey,
    daysOption(USUAL_DAYS),
    {
      flags: '--p12',
      key: 'p12',
      description: 'with --ca: write NAME.p12 too, under the passphrase of --passphrase-file',
    },
    certOptions.passphraseFile,
    certOptions.force,
    jsonOption,
  ],
  examples: [
    'sealwire cert request --name dc1.corp.test --address 10.54.0.1 --out corp',
    'sealwire cert request --name dc1.corp.test --address 10.54.0.1 --ca corp/ca.pem --out corp',
  ],
  run: runRequest,
}

function runRequest(given: CommandInput, console: Console): number {
  const input = new CertInput(given)
  const at = unixSeconds()
  const wishes = input.wishes()
  if (wishes.names.length === 0 && wishes.addresses.length === 0 && wishes.subject === undefined) {
    input.wrong('--name', 'nothing says whom the certificate is for', 'write --name, --address or both')
  }
  const signer = input.signer()
  const pkcs12 = input.flag('p12') ? input.passphrase() : undefined
  if (input.flag('p12') && signer === undefined) input.wrong('--p12', 'there is no certificate yet', 'write --ca too')
  if (input.flag('p12') && input.text('passphraseFile') === undefined) {
    input.wrong('--p12', 'it needs a passphrase', 'write it to a file, and --passphrase-file')
  }
  const order = {
    wishes,
    folder: input.text('out') ?? '.',
    keyType: input.keyType(),
    days: input.days(USUAL_DAYS),
    force: input.flag('force'),
    ...(signer === undefined ? {} : { signer }),
    ...(pkcs12 === undefined ? {} : { pkcs12 }),
  }
  if (input.problems.length > 0) {
    console.problems(input.problems)
    return WRONG_INPUT
  }
  return tellMade(orderRequest(order, at), input, console, at)
}
