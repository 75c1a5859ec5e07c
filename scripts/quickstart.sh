#!/usr/bin/env bash
# Make .venv if needed, evolve networks on the embedded digits, and show the front. Arguments go to `evonas evolve`.
extras=""
source "$(dirname "$0")/setup.sh"
out=${EVONAS_QUICKSTART_OUT:-runs/quickstart-$(date +%Y%m%d-%H%M%S)}
.venv/bin/evonas evolve --dataset digits --population 24 --children 16 --generations 12 --epochs 12 --batch-size 32 \
    --jobs 2 --time-limit 60 --out "$out" "$@"
.venv/bin/evonas front "$out" --plot "$out/front.png" > /dev/null
echo "The front is drawn in $out/front.png. Look closer, and take a network away:"
echo "  .venv/bin/evonas front $out --best-under flops=2000"
echo "  .venv/bin/evonas show $out ID"
echo "  .venv/bin/evonas export $out ID --out network.safetensors"
