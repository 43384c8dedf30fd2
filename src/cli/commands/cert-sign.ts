// `sealwire cert sign`: a certificate from a request, by a CA whose key is at hand.
import { orderSigning } from '../../agent/certificates/certificate-tool.ts'
import { unixSeconds } from '../../base/time.ts'
import { CertInput, certOptions, daysOption, tellMade } from '../cert-options.ts'
import { type CommandInput, type CommandSpec, jsonOption, WRONG_INPUT } from '../command.ts'
import type { Console } from '../console.ts'

const USUAL_DAYS = 365

export const certSign: CommandSpec = {
  name: 'cert sign',
  summary: 'sign a request: the certificate of a host',
  description:
    'Checks that the request was signed by its own key, and makes a certificate with the subject, the key and the names that it ' +
    'asks for, for IKE and TLS (ipsecIKE, serverAuth, clientAuth). Names given here stand in place of those asked for. ' +
    'Look at the request first: sealwire cert show REQUEST.',
  arguments: [{ name: '<request>', description: 'a request in PKCS #10, PEM or DER', values: 'file' }],
  options: [
    { ...certOptions.ca, required: true },
    certOptions.caKey,
    certOptions.passphraseFile,
    {
      flags: '--out <file>',
      key: 'out',
      description: 'the certificate; left out, beside the request, as .pem',
      values: 'file',
    },
    daysOption(USUAL_DAYS),
    certOptions.name,
    certOptions.address,
    certOptions.upn,
    certOptions.force,
    jsonOption,
  ],
  examples: ['sealwire cert sign corp/dc1.corp.test.csr --ca corp/ca.pem'],
  run: runSign,
}

function runSign(given: CommandInput, console: Console): number {
  const input = new CertInput(given)
  const at = unixSeconds()
  const out = input.text('out')
  const signer = input.signer()
  const order = {
    request: given.arguments[0] ?? '',
    wishes: input.wishes(),
    days: input.days(USUAL_DAYS),
    force: input.flag('force'),
    ...(out === undefined ? {} : { out }),
  }
  if (input.problems.length > 0 || signer === undefined) {
    console.problems(input.problems)
    return WRONG_INPUT
  }
  return tellMade(orderSigning({ ...order, signer }, at), input, console, at)
}
