/**
 * The group BELENIOS-2048 with the language's own integers (specification, "BELENIOS-2048").
 *
 * Their arithmetic is not constant in time. Who could measure it runs on the voter's own device.
 */

import { BeleniosError } from "../errors.ts";
import { type Element, type Group, modulo, type Power } from "./base.ts";

const P = BigInt(
    "206947856914225464010136436575050080649229892957511040971008847870573742192427174019222372544976" +
    "843381290666331380789584049600543896362897963930387739057228036059737494276713767776188985898727" +
    "358650490811670993105358677809800307904916540637771737641986785272734744763418356000356983051931" +
    "442845617019110007867373073335641239717328979132404745788344682606523279746479511376726586935821" +
    "800463179220736688600526271863633860887968821207694323661494910029234443463732221458841005864210" +
    "502421203654335612013204811188524087310770141516662001623131771693721892480785077118278423174980" +
    "73276598828825169183103125680162072880719",
);
const G = BigInt(
    "240235267750185220922768770353239993271228765737836491651007531878766327414635321932028567615526" +
    "967879969466829874938909508389657342560190060106847716449173547413728310461045868131451178164675" +
    "540052740288984613986453266121505579709716201616827031288643245666383486363578210615491841998253" +
    "431518974065818686865115135857641013888221539601604322884360393098933366277284840659313840601023" +
    "167509576377798266510360682240663507669776402534625377308513317349519424896775405257365904949247" +
    "763147599157519877517771148149092045660020547812705472823814097251863985833411570056835369555342" +
    "3781475582491896050296680037745308460627",
);
const ORDER = 78571733251071885079927659812671450121821421258408794611510081919805623223441n;
const WINDOW_BITS = 4n;
const WINDOWS = 64;

let generatorPower: Power | undefined;

export const BELENIOS_2048: Group = {
  name: "BELENIOS-2048",
  order: ORDER,
  generator: element(G),
  multiply: (left, right) => element((number(left) * number(right)) % P),
  // x to the q - 1 is the inverse of x in a group of order q.
  divide: (left, right) => element((number(left) * power(number(right), ORDER - 1n)) % P),
  power: (base, exponent) => element(power(number(base), modulo(exponent, ORDER))),
  powerGenerator: (exponent) => {
    // Made at first use: pages of the other group need not pay for the table.
    generatorPower ??= fixedBase(G);
    return generatorPower(exponent);
  },
  fixedBase: (base) => fixedBase(number(base)),
  encode: (given) => number(given).toString(),
  decode: (text) => {
    if (!/^[1-9][0-9]{0,616}$/.test(text)) {
      throw refusal("an element is a decimal number of at most 617 digits without leading zeros");
    }
    const found = BigInt(text);
    if (found >= P) {
      throw refusal("not smaller than p: not the canonical encoding");
    }
    if (found === 1n || power(found, ORDER) !== 1n) {
      throw refusal("not in the subgroup of order q, or the identity");
    }
    return element(found);
  },
};

function power(base: bigint, exponent: bigint): bigint {
  let product = 1n;
  for (const bit of exponent.toString(2)) {
    product = (product * product) % P;
    if (bit === "1") {
      product = (product * base) % P;
    }
  }
  return product;
}

/** From a table of base to the d·16^i, an exponentiation is 64 products. */
function fixedBase(base: bigint): Power {
  const table: bigint[][] = [];
  let row = base;
  for (let window = 0; window < WINDOWS; window += 1) {
    const products = [1n];
    for (let digit = 1; digit < 16; digit += 1) {
      products.push((products[digit - 1]! * row) % P);
    }
    table.push(products);
    row = (products[15]! * row) % P;
  }
  return (exponent) => {
    let rest = modulo(exponent, ORDER);
    let product = 1n;
    for (const products of table) {
      product = (product * products[Number(rest & 15n)]!) % P;
      rest >>= WINDOW_BITS;
    }
    return element(product);
  };
}

function element(given: bigint): Element {
  return given as unknown as Element;
}

function number(given: Element): bigint {
  return given as unknown as bigint;
}

function refusal(detail: string): BeleniosError {
  return new BeleniosError("group-element", detail);
}
