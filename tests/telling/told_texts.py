"""What the worked rows of ``told_rows`` are told as: read by people, so written down by people.

``~`` stands for a narrow space that is never broken.
"""

TOLD = {
    "ENCLAVE": {
        "en": (
            'Boda ranks 1st, with a score of 71.50 out of 100: its tier is "extreme".',
            (
                "What is missing or uncertain leaves its rank between 1st and 4th, and its score between 52.11 "
                "and 80.02."
            ),
            ("Of its 71.50 points, the lack of protection brings 25.44, the threat 23.42 and vulnerability 22.64."),
            ("The threat is a standing one: analysts judge the place to be under more threat than its incidents say."),
            (
                "Vulnerability is that of the enclave community, in points: confinement 12.01, people confined "
                "6.50, hindered access to food 3.12."
            ),
            (
                "With no protection at all, the lack of it would bring 33.20 points; the protective presence "
                "takes off 7.76 (State forces 5.06, protective presence 2.70)."
            ),
            "No verified report has come from there for 48 days; silence is not safety.",
            "91% of the inputs that apply there are known.",
            "In practically all trials with other plausible weights, it is among the first 10.",
            (
                "Since last week its score has risen from 66.90 to 71.50, its rank has gone from 2nd to 1st and "
                'its tier has gone from "high" to "extreme".'
            ),
            "On a scale up to 1, vulnerability went from 0.70 to 0.81.",
            (
                "It would tell most to establish the present situation of the enclave community, whose "
                "assessment has expired: the score could then lie anywhere from 55.10 (rank 4) to 75.00 (rank 1)."
            ),
            "Then the number of people displaced: from 71.50 (rank 1) to 78.25 (rank 1).",
        ),
        "fr": (
            "Boda est au 1er rang, avec un score de 71,50 sur 100~: son niveau est «~extrême~».",
            (
                "Ce qui manque ou reste incertain laisse son rang entre le 1er et le 4e, et son score entre "
                "52,11 et 80,02."
            ),
            (
                "Sur ses 71,50 points, le manque de protection en apporte 25,44, la menace 23,42 et la "
                "vulnérabilité 22,64."
            ),
            (
                "C'est une menace latente~: les analystes jugent la localité plus menacée que ne le disent ses "
                "incidents."
            ),
            (
                "La vulnérabilité est celle de la communauté enclavée, en points~: enclavement 12,01~; personnes "
                "enclavées 6,50~; accès entravé à la nourriture 3,12."
            ),
            (
                "Sans aucune protection, ce manque apporterait 33,20 points~; la présence de protection en "
                "retire 7,76 (forces de l'État 5,06~; présence de protection 2,70)."
            ),
            ("Aucun signalement vérifié n'en est parvenu depuis 48 jours~; le silence n'est pas synonyme de sécurité."),
            "91~% des données qui s'y appliquent sont connues.",
            (
                "Dans pratiquement tous les essais avec d'autres pondérations plausibles, la localité est parmi "
                "les 10 premières."
            ),
            (
                "Depuis la semaine dernière, son score est monté de 66,90 à 71,50, son rang est passé du 2e au "
                "1er et son niveau est passé de «~élevé~» à «~extrême~»."
            ),
            "Sur une échelle allant jusqu'à 1, la vulnérabilité a évolué de 0,70 à 0,81.",
            (
                "Le plus utile serait d'établir la situation actuelle de la communauté enclavée, dont "
                "l'évaluation est périmée~: le score pourrait alors aller de 55,10 (rang 4) à 75,00 (rang 1)."
            ),
            "Puis le nombre de personnes déplacées~: de 71,50 (rang 1) à 78,25 (rang 1).",
        ),
    },
    "TOWN": {
        "en": (
            'Boali ranks 21st, with a score of 34.00 out of 100: its tier is "watch".',
            "What is missing or uncertain leaves its score between 33.00 and 35.55; its rank stays the same.",
            ("Of its 34.00 points, the lack of protection brings 12.00, the threat 11.00 and vulnerability 11.00."),
            (
                "2 verified incidents make up the threat; the heaviest of them, with 9.00 points, makes up at "
                "least half."
            ),
            "Vulnerability is that of the population as a whole, in points: number of inhabitants 11.00.",
            "Nobody has recorded what protects people there, so an assumed value stands in for it.",
            "The newest verified report from there is 1 day old.",
            "Only 43% of the inputs that apply there are known: read the interval before the rank.",
            "In 37% of the trials with other plausible weights, it is among the first 10.",
            "It was not ranked last week.",
            (
                "It would tell most to establish the protective presence: the score could then lie anywhere from "
                "33.00 (rank 22) to 35.55 (rank 20)."
            ),
        ),
        "fr": (
            "Boali est au 21e rang, avec un score de 34,00 sur 100~: son niveau est «~veille~».",
            "Ce qui manque ou reste incertain laisse son score entre 33,00 et 35,55~; son rang reste le même.",
            (
                "Sur ses 34,00 points, le manque de protection en apporte 12,00, la menace 11,00 et la "
                "vulnérabilité 11,00."
            ),
            (
                "2 incidents vérifiés constituent la menace~; le plus lourd d'entre eux, avec 9,00 points, en "
                "constitue au moins la moitié."
            ),
            "La vulnérabilité est celle de la population entière, en points~: nombre d'habitants 11,00.",
            "Personne n'a renseigné ce qui y protège la population~: une valeur supposée en tient lieu.",
            "Le dernier signalement vérifié remonte à 1 jour.",
            "Seules 43~% des données qui s'y appliquent sont connues~: lisez l'intervalle avant le rang.",
            ("Dans 37~% des essais avec d'autres pondérations plausibles, la localité est parmi les 10 premières."),
            "La localité n'était pas classée la semaine dernière.",
            (
                "Le plus utile serait d'établir la présence de protection~: le score pourrait alors aller de "
                "33,00 (rang 22) à 35,55 (rang 20)."
            ),
        ),
    },
    "VILLAGE": {
        "en": (
            'Ndim Nord ranks 102nd, with a score of 1.50 out of 100: its tier is "watch".',
            (
                "Its own score is certain to the digits shown; what is uncertain elsewhere leaves its rank "
                "between 90th and 111th."
            ),
            "Of its 1.50 points, the threat brings 0.50, vulnerability 0.50 and the lack of protection 0.50.",
            "No verified incident and no standing threat weighs on it.",
            "Vulnerability is that of the population as a whole, in points: number of inhabitants 0.50.",
            "No protective presence on record there has an effect that shows.",
            "No verified report has been placed there; silence is not safety.",
            "All inputs that apply there are known.",
            "In practically none of the trials with other plausible weights is it among the first 10.",
            (
                "Since last week its score has stayed at 1.50, its rank has stayed 102nd and its tier has stayed "
                "the same."
            ),
            "Neither threat nor vulnerability nor the lack of protection has moved to speak of.",
        ),
        "fr": (
            "Ndim Nord est au 102e rang, avec un score de 1,50 sur 100~: son niveau est «~veille~».",
            (
                "Son propre score est certain, à l'arrondi près~; ce qui est incertain ailleurs laisse son rang "
                "entre le 90e et le 111e."
            ),
            ("Sur ses 1,50 point, la menace en apporte 0,50, la vulnérabilité 0,50 et le manque de protection 0,50."),
            "Aucun incident vérifié ni aucune menace latente ne pèse sur la localité.",
            "La vulnérabilité est celle de la population entière, en points~: nombre d'habitants 0,50.",
            "Aucune présence de protection recensée n'y a d'effet visible.",
            "Aucun signalement vérifié n'y a été localisé~; le silence n'est pas synonyme de sécurité.",
            "Toutes les données qui s'y appliquent sont connues.",
            (
                "Dans pratiquement aucun des essais avec d'autres pondérations plausibles, la localité n'est "
                "parmi les 10 premières."
            ),
            (
                "Depuis la semaine dernière, son score est resté à 1,50, son rang est resté le 102e et son "
                "niveau est resté le même."
            ),
            "Ni la menace, ni la vulnérabilité, ni le manque de protection n'ont changé de façon sensible.",
        ),
    },
    "MISSION": {
        "en": (
            'Bossangoa ranks 3rd, with a score of 46 out of 100: its tier is "elevated".',
            ("What is missing or uncertain leaves its rank between 1st and 12th, and its score between 30 and 58."),
            "Of its 46 points, the threat brings 18, vulnerability 15 and the lack of protection 13.",
            "The newest verified report from there is at most 7 days old.",
            "75% of the inputs that apply there are known.",
            "In about 90% of the trials with other plausible weights, it is among the first 10.",
            (
                "Since last week its score has fallen from 47 to 46, its rank has gone from 5th to 3rd and its "
                "tier has stayed the same."
            ),
            "On a scale up to 1, the threat went from 0.5 to 0.4.",
            (
                "It would tell most to establish the protective presence: the score could then lie anywhere from "
                "20 (rank 31) to 51 (rank 2)."
            ),
        ),
        "fr": (
            "Bossangoa est au 3e rang, avec un score de 46 sur 100~: son niveau est «~accru~».",
            ("Ce qui manque ou reste incertain laisse son rang entre le 1er et le 12e, et son score entre 30 et 58."),
            "Sur ses 46 points, la menace en apporte 18, la vulnérabilité 15 et le manque de protection 13.",
            "Le dernier signalement vérifié remonte à 7 jours au plus.",
            "75~% des données qui s'y appliquent sont connues.",
            (
                "Dans environ 90~% des essais avec d'autres pondérations plausibles, la localité est parmi les "
                "10 premières."
            ),
            (
                "Depuis la semaine dernière, son score est descendu de 47 à 46, son rang est passé du 5e au 3e "
                "et son niveau est resté le même."
            ),
            "Sur une échelle allant jusqu'à 1, la menace a évolué de 0,5 à 0,4.",
            (
                "Le plus utile serait d'établir la présence de protection~: le score pourrait alors aller de 20 "
                "(rang 31) à 51 (rang 2)."
            ),
        ),
    },
}
