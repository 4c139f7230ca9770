#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One screen of what tenon does: loads the places, asks each kind of question, draws the map, and tries to lose data.
# demo.sh ATLAS [FOLDER]
set -euo pipefail
atlas=$1
folder=${2:-$(mktemp -d)}
db="$folder/demo.tenon"
rm -rf "$db" "$db".wal "$db"-lock "$db".lock

say() { printf '\n\033[1m== %s\033[0m\n' "$1"; [ $# -lt 2 ] || printf '   $ atlas %s\n\n' "$2"; }

say "Load 24,000 real places: one transaction covers the rows and every index" "load"
"$atlas" load --db "$db"
say "Who is near the Louvre? (R-tree, metres)" "near 48.8606 2.3376 -k 5"
"$atlas" near 48.8606 2.3376 -k 5 --db "$db"
say "Across the antimeridian, around Fiji (R-tree)" "within 176 -20 -178 -15"
"$atlas" within 176 -20 -178 -15 --db "$db"
say "Words in any language (BM25, case and accents folded)" "search são paulo -k 3"
"$atlas" search são paulo -k 3 --db "$db"
say "A typo is no obstacle (HNSW over name vectors)" "explain like Rejkiavik -k 3"
"$atlas" explain like Rejkiavik -k 3 --db "$db"
say "The largest places of Japan (ordered index, learned)" "explain top --country JP -k 5"
"$atlas" explain top --country JP -k 5 --db "$db"
say "Draw them" "map atlas.svg"
"$atlas" map "$folder/atlas.svg" --db "$db"
say "Is every index true to the rows?" "check"
"$atlas" check --db "$db"
say "Kill a writing process five times at random moments" "torture --rounds 5"
"$atlas" torture --rounds 5
say "Done"
printf 'The database is %s, the map %s.\nNext: README.md, docs/tutorial/, and examples/atlas/atlas_db.hpp, the whole database in forty lines.\n' "$db" "$folder/atlas.svg"
