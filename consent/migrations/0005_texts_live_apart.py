from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("consent", "0004_move_texts")]

    operations = [
        migrations.RemoveConstraint(
            model_name='privacystatement',
            name='statement_url_is_https',
        ),
        migrations.RemoveConstraint(
            model_name='privacystatement',
            name='statement_says_something',
        ),
        migrations.RemoveField(
            model_name='privacystatement',
            name='text',
        ),
        migrations.RemoveField(
            model_name='privacystatement',
            name='url',
        ),
    ]
